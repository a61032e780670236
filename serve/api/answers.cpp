#include "serve/api/answers.h"

#include <fmt/format.h>

#include <random>

namespace tern::serve {
namespace {

std::string random_id() {
  static std::mt19937_64 random(std::random_device{}());
  return fmt::format("{:016x}{:08x}", random(), static_cast<uint32_t>(random()));
}

void cancel(Answers& answers) {
  if (answers.ended) return;
  answers.ended = true;
  for (const RequestId id : answers.ids) answers.service.worker.cancel(id);
}

// Forgets the outlet, on the thread that it belongs to: the worker may keep `answers` a little longer.
void close(Answers& answers) {
  answers.outlet = {};
}

void fail(Answers& answers, const ApiError& error) {
  cancel(answers);
  if (!answers.streaming) {
    answers.outlet.reply(error_reply(error));
  } else {
    answers.outlet.piece(answers.protocol.failure(error));
    answers.outlet.end();
  }
  close(answers);
}

void take(Answers& answers, size_t index, const AnswerEvent& event) {
  if (answers.ended) return;
  switch (event.kind) {
    case EventKind::token:
    case EventKind::finished: break;
    case EventKind::refused: return fail(answers, api_error(*event.refusal));
    case EventKind::failed: return fail(answers, api_error(event.error));
  }
  AnswerChoice& choice = answers.choices[index];
  const bool first = !choice.began;
  choice.began = true;
  for (const runtime::ThoughtPart& part : event.parts)
    (part.thought ? choice.thought : choice.content) += part.text;
  if (event.kind == EventKind::token) {
    ++choice.generated_tokens;
    if (answers.request.jobs[index].choice.logprobs) choice.tokens.push_back(event.token);
  } else {
    choice.generated_tokens = event.tokens;
    choice.reused_tokens = event.reused_tokens;
    choice.reason = event.reason;
    choice.stop_string = event.stop_string;
    choice.finished = true;
    --answers.open;
  }
  if (answers.request.stream) {
    if (!answers.streaming) answers.outlet.begin("text/event-stream");
    answers.streaming = true;
    std::string piece = answers.protocol.piece(answers, index, event, first);
    if (answers.open == 0) piece += answers.protocol.end(answers);
    if (!piece.empty()) answers.outlet.piece(std::move(piece));
  }
  if (answers.open > 0) return;
  answers.ended = true;
  if (answers.request.stream)
    answers.outlet.end();
  else
    answers.outlet.reply({.body = answers.protocol.whole(answers)});
  close(answers);
}

}  // namespace

Usage usage_of(const Answers& answers) {
  Usage usage;
  for (size_t i = 0; i < answers.choices.size(); ++i) {
    const AnswerChoice& choice = answers.choices[i];
    usage.generated += choice.generated_tokens;
    // The choices of one prompt count it once.
    if (i % answers.request.choices_per_prompt != 0) continue;
    usage.prompt += choice.prompt_tokens;
    usage.reused += choice.reused_tokens;
  }
  return usage;
}

Cancel start(Service& service, AnswerRequest request, const Protocol& protocol, const std::string& id_prefix,
             Outlet outlet) {
  auto answers = std::make_shared<Answers>(Answers{service, protocol, std::move(request)});
  answers->id = id_prefix + random_id();
  answers->created = std::time(nullptr);
  answers->outlet = std::move(outlet);
  answers->open = answers->request.jobs.size();
  answers->choices.resize(answers->open);
  for (size_t i = 0; i < answers->choices.size(); ++i) {
    const Job& job = answers->request.jobs[i];
    answers->choices[i].prompt_tokens = job.prompt.size();
    answers->ids.push_back(service.worker.submit(job, [answers, i](AnswerEvent event) {
      answers->service.post([answers, i, moved = std::move(event)] { take(*answers, i, moved); });
    }));
  }
  return [answers] {
    cancel(*answers);
    close(*answers);
  };
}

}  // namespace tern::serve

// Answers as /v1/chat/completions and /v1/completions give them.
#include <nlohmann/json.hpp>

#include "runtime/text/stream_decoder.h"
#include "serve/api/answers.h"
#include "serve/api/json_text.h"

namespace tern::serve {
namespace {

using nlohmann::json;
using runtime::StopReason;

json finish_reason(StopReason reason) {
  switch (reason) {
    case StopReason::max_tokens:
    case StopReason::context_full: return "length";
    case StopReason::end_token:
    case StopReason::stop_string:
    case StopReason::interrupted: return "stop";
  }
  return "stop";
}

json usage_json(const Answers& answers) {
  const Usage usage = usage_of(answers);
  return {{"prompt_tokens", usage.prompt},
          {"completion_tokens", usage.generated},
          {"total_tokens", usage.prompt + usage.generated},
          {"prompt_tokens_details", {{"cached_tokens", usage.reused}}}};
}

// What all objects of an answer have.
json head(const Answers& answers, const char* object) {
  return {{"id", answers.id},
          {"object", object},
          {"created", answers.created},
          {"model", answers.service.model},
          {"system_fingerprint", answers.service.fingerprint},
          {"seed", answers.request.seed}};
}

json bytes_json(const std::string& bytes) {
  json list = json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

json token_json(const Answers& answers, uint32_t token, double logprob) {
  const std::string bytes = answers.service.engine.tokenizer().decode(token);
  return {{"token", bytes}, {"logprob", logprob}, {"bytes", bytes_json(bytes)}};
}

json chat_logprobs(const Answers& answers, std::span<const ChosenToken> tokens) {
  json content = json::array();
  for (const ChosenToken& token : tokens) {
    json entry = token_json(answers, token.token, token.logprob);
    json top = json::array();
    for (const TokenLogprob& each : token.top) top.push_back(token_json(answers, each.token, each.logprob));
    entry["top_logprobs"] = std::move(top);
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

// `offset`: bytes of the answer before the tokens.
json completion_logprobs(const Answers& answers, std::span<const ChosenToken> tokens, size_t offset) {
  const runtime::Tokenizer& tokenizer = answers.service.engine.tokenizer();
  json texts = json::array(), values = json::array(), tops = json::array(), offsets = json::array();
  for (const ChosenToken& token : tokens) {
    const std::string text = tokenizer.decode(token.token);
    offsets.push_back(offset);
    offset += text.size();
    texts.push_back(text);
    values.push_back(token.logprob);
    json top = json::object();
    for (const TokenLogprob& each : token.top) {
      runtime::StreamDecoder decoder;  // the bytes of a token need not be UTF-8
      const std::string bytes = decoder.push(tokenizer.decode(each.token));
      top[bytes + decoder.flush()] = each.logprob;
    }
    tops.push_back(std::move(top));
  }
  return {{"tokens", texts}, {"token_logprobs", values}, {"top_logprobs", tops}, {"text_offset", offsets}};
}

bool wants_logprobs(const Answers& answers) {
  return answers.request.jobs.front().choice.logprobs;
}

std::string whole_chat(const Answers& answers) {
  json root = head(answers, "chat.completion");
  root["choices"] = json::array();
  for (size_t i = 0; i < answers.choices.size(); ++i) {
    const AnswerChoice& choice = answers.choices[i];
    json message = {{"role", "assistant"}, {"content", choice.content}, {"refusal", nullptr}};
    if (!choice.thought.empty()) message["reasoning_content"] = choice.thought;
    root["choices"].push_back(
        {{"index", i},
         {"message", std::move(message)},
         {"logprobs", wants_logprobs(answers) ? chat_logprobs(answers, choice.tokens) : json()},
         {"finish_reason", finish_reason(choice.reason)}});
  }
  root["usage"] = usage_json(answers);
  return json_text(root);
}

std::string chat_chunk(const Answers& answers, size_t index, json delta, json logprobs, json reason) {
  json root = head(answers, "chat.completion.chunk");
  root["choices"] = json::array({{{"index", index},
                                  {"delta", std::move(delta)},
                                  {"logprobs", std::move(logprobs)},
                                  {"finish_reason", std::move(reason)}}});
  if (answers.request.include_usage) root["usage"] = nullptr;
  return sent_event(root);
}

std::string chat_piece(Answers& answers, size_t index, const AnswerEvent& event, bool first) {
  std::string text;
  if (first) text += chat_chunk(answers, index, {{"role", "assistant"}, {"content", ""}}, {}, {});
  json logprobs;
  if (event.kind == EventKind::token && wants_logprobs(answers))
    logprobs = chat_logprobs(answers, std::span(&event.token, 1));
  for (const runtime::ThoughtPart& part : event.parts) {
    if (part.text.empty()) continue;
    json delta = {{part.thought ? "reasoning_content" : "content", part.text}};
    text += chat_chunk(answers, index, std::move(delta), std::move(logprobs), {});
    logprobs = nullptr;
  }
  if (!logprobs.is_null()) text += chat_chunk(answers, index, json::object(), std::move(logprobs), {});
  if (event.kind == EventKind::finished)
    text += chat_chunk(answers, index, json::object(), {}, finish_reason(event.reason));
  return text;
}

std::string end_of(const Answers& answers, const char* object) {
  std::string text;
  if (answers.request.include_usage) {
    json root = head(answers, object);
    root["choices"] = json::array();
    root["usage"] = usage_json(answers);
    text = sent_event(root);
  }
  return text + "data: [DONE]\n\n";
}

std::string chat_end(const Answers& answers) {
  return end_of(answers, "chat.completion.chunk");
}

std::string failure(const ApiError& error) {
  return "data: " + error_body(error) + "\n\n";
}

std::string whole_completion(const Answers& answers) {
  json root = head(answers, "text_completion");
  root["choices"] = json::array();
  for (size_t i = 0; i < answers.choices.size(); ++i) {
    const AnswerChoice& choice = answers.choices[i];
    root["choices"].push_back(
        {{"index", i},
         {"text", choice.content},
         {"logprobs", wants_logprobs(answers) ? completion_logprobs(answers, choice.tokens, 0) : json()},
         {"finish_reason", finish_reason(choice.reason)}});
  }
  root["usage"] = usage_json(answers);
  return json_text(root);
}

std::string completion_piece(Answers& answers, size_t index, const AnswerEvent& event, bool) {
  std::string text;
  for (const runtime::ThoughtPart& part : event.parts) text += part.text;
  json logprobs;
  if (event.kind == EventKind::token && wants_logprobs(answers)) {
    const runtime::Tokenizer& tokenizer = answers.service.engine.tokenizer();
    size_t offset = 0;
    const std::vector<ChosenToken>& tokens = answers.choices[index].tokens;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) offset += tokenizer.decode(tokens[i].token).size();
    logprobs = completion_logprobs(answers, std::span(&event.token, 1), offset);
  }
  const bool is_end = event.kind == EventKind::finished;
  if (text.empty() && logprobs.is_null() && !is_end) return {};
  json root = head(answers, "text_completion");
  root["choices"] = json::array({{{"index", index},
                                  {"text", text},
                                  {"logprobs", std::move(logprobs)},
                                  {"finish_reason", is_end ? finish_reason(event.reason) : json()}}});
  if (answers.request.include_usage) root["usage"] = nullptr;
  return sent_event(root);
}

std::string completion_end(const Answers& answers) {
  return end_of(answers, "text_completion");
}

}  // namespace

const Protocol chat_protocol = {whole_chat, chat_piece, chat_end, failure};
const Protocol completion_protocol = {whole_completion, completion_piece, completion_end, failure};

}  // namespace tern::serve

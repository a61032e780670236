#include "serve/answer/worker.h"

#include <algorithm>
#include <new>

#include "runtime/generate/embed.h"

namespace tern::serve {

using runtime::StopReason;

namespace {

// A step has as many rows as there are kernels for, at most.
SchedulerOptions with_rows_of(const runtime::Engine& engine, SchedulerOptions options) {
  options.max_rows = std::min(options.max_rows, static_cast<size_t>(engine.plan().buckets().max()));
  options.max_sequences = std::min(options.max_sequences, options.max_rows);
  return options;
}

}  // namespace

Worker::Worker(runtime::Engine& engine, std::shared_ptr<runtime::PagePool> pool,
               const SchedulerOptions& options)
    : engine_(engine), scheduler_(std::move(pool), with_rows_of(engine, options)) {
  publish();
}

double Worker::now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

RequestId Worker::submit(Job job, OnEvent on_event) {
  const std::lock_guard lock(mutex_);
  const RequestId id = ++last_id_;
  inbox_.push_back(Submitted{id, std::move(job), std::move(on_event), now()});
  arrived_.notify_one();
  return id;
}

void Worker::cancel(RequestId id) {
  const std::lock_guard lock(mutex_);
  inbox_.push_back(Cancelled{id});
  arrived_.notify_one();
}

void Worker::drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  arrived_.notify_one();
}

void Worker::stop() {
  const std::lock_guard lock(mutex_);
  draining_ = stopping_ = true;
  arrived_.notify_one();
}

WorkerStats Worker::stats() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

void Worker::publish() {
  counted_.scheduler = scheduler_.counts();
  const std::lock_guard lock(mutex_);
  published_ = counted_;
}

void Worker::end(RequestId id, AnswerEvent event) {
  switch (event.kind) {
    case EventKind::token: break;
    case EventKind::finished: ++counted_.finished; break;
    case EventKind::refused: ++counted_.refused; break;
    case EventKind::failed: ++counted_.failed; break;
  }
  const auto found = running_.find(id);
  found->second.on_event(std::move(event));
  running_.erase(found);
}

void Worker::embed(const Job& job, const OnEvent& on_event) {
  AnswerEvent event;
  event.kind = EventKind::finished;
  Expected<std::vector<float>> vector = runtime::embed(engine_, job.prompt, *job.pooling);
  if (vector) {
    event.vector = vector.take();
    ++counted_.finished;
  } else {
    event.kind = EventKind::failed;
    event.error = vector.error();
    ++counted_.failed;
  }
  on_event(std::move(event));
}

void Worker::take(Submitted& submitted) {
  const auto refuse = [&](EventKind kind, const Refusal& refusal, const Error& error) {
    AnswerEvent event;
    event.kind = kind;
    if (kind == EventKind::refused) event.refusal = refusal;
    event.error = error;
    ++(kind == EventKind::refused ? counted_.refused : counted_.failed);
    submitted.on_event(std::move(event));
  };
  Job& job = submitted.job;
  if (draining_) scheduler_.drain();
  if (job.pooling) {
    if (draining_)
      return refuse(EventKind::refused, {RefusalReason::draining, "the server is shutting down", 1}, {});
    return embed(job, submitted.on_event);
  }
  Expected<TokenChooser> chooser =
      TokenChooser::make(job.choice, job.prompt, engine_.model().hyperparameters.vocabulary_size);
  if (!chooser) return refuse(EventKind::failed, {}, chooser.error());
  if (const std::optional<Refusal> refusal = scheduler_.submit(
          submitted.id, {std::move(job.client), std::move(job.prompt), job.max_tokens}, submitted.time))
    return refuse(EventKind::refused, *refusal, {});
  running_.emplace(submitted.id, Running{std::move(submitted.on_event), chooser.take(),
                                         AnswerText(std::move(job.text)), job.max_tokens, 0, submitted.time});
}

// Takes what has arrived, and waits for it where there is nothing else to do. False when the work is over.
bool Worker::wait_for_work() {
  std::vector<std::variant<Submitted, Cancelled>> arrived;
  {
    std::unique_lock lock(mutex_);
    if (scheduler_.empty()) arrived_.wait(lock, [&] { return draining_ || !inbox_.empty(); });
    arrived.swap(inbox_);
  }
  for (auto& each : arrived) {
    if (Submitted* submitted = std::get_if<Submitted>(&each)) {
      take(*submitted);
    } else {
      const RequestId id = std::get<Cancelled>(each).id;
      scheduler_.cancel(id);
      counted_.cancelled += running_.erase(id);
    }
  }
  if (stopping_) {
    fail_all({"the server is shutting down", {}, ErrorKind::interrupted});
    return false;
  }
  return !draining_ || !scheduler_.empty();
}

void Worker::fail_all(const Error& error) {
  while (!running_.empty()) {
    const RequestId id = running_.begin()->first;
    scheduler_.cancel(id);
    AnswerEvent event;
    event.kind = EventKind::failed;
    event.error = error;
    end(id, std::move(event));
  }
}

void Worker::take_token(const StepPart& part, std::span<const float> logits) {
  Running& running = running_.at(part.id);
  AnswerEvent event;
  const auto finish = [&](EventKind kind) {
    event.kind = kind;
    event.tokens = running.tokens;
    event.reused_tokens = part.reused_tokens;
    scheduler_.finish(part.id, now());
    end(part.id, std::move(event));
  };
  Expected<ChosenToken> chosen = running.chooser.choose(logits);
  if (!chosen) {
    event.error = chosen.error();
    return finish(EventKind::failed);
  }
  const double time = now();
  (running.tokens == 0 ? counted_.first_token : counted_.next_token).add(time - running.last);
  running.last = time;
  ++running.tokens;
  ++counted_.generated_tokens;
  if (engine_.tokenizer().is_end(chosen->token)) {
    event.reason = StopReason::end_token;
    event.parts = running.text.flush();
    if (running.text.stopped()) {  // by what stands for a character that was begun
      event.reason = StopReason::stop_string;
      event.stop_string = running.text.stop_string();
    }
    return finish(EventKind::finished);
  }
  event.token = chosen.take();
  const uint32_t token = event.token.token;
  event.parts = running.text.push(engine_.tokenizer().decode(token));
  running.on_event(event);
  const bool stopped = running.text.stopped();
  if (stopped || running.tokens == running.max_tokens) {
    event.parts = running.text.flush();
    event.reason = running.text.stopped() ? StopReason::stop_string : StopReason::max_tokens;
    if (running.text.stopped()) event.stop_string = running.text.stop_string();
    return finish(EventKind::finished);
  }
  scheduler_.append(part.id, token);
}

void Worker::run_step() {
  const Step step = scheduler_.step(now());
  for (const Step::Expired& each : step.expired) {
    AnswerEvent event;
    event.kind = EventKind::refused;
    event.refusal = each.why;
    end(each.id, std::move(event));
  }
  if (step.parts.empty()) {
    // Nobody can begin for want of memory that is not the scheduler's: it may come back.
    if (!scheduler_.empty()) {
      std::unique_lock lock(mutex_);
      arrived_.wait_for(lock, std::chrono::milliseconds(10), [&] { return !inbox_.empty(); });
    }
    return;
  }
  std::vector<runtime::SequenceTokens> batch;
  for (const StepPart& part : step.parts) batch.push_back({part.sequence, part.tokens, false});
  const double began = now();
  const Expected<runtime::Logits> logits = engine_.step(batch);
  if (!logits) {
    for (const StepPart& part : step.parts) {
      AnswerEvent event;
      event.kind = EventKind::failed;
      event.error = logits.error();
      scheduler_.cancel(part.id);
      end(part.id, std::move(event));
    }
    return;
  }
  const double seconds = now() - began;
  scheduler_.computed(step, seconds);
  ++counted_.steps;
  counted_.step_seconds += seconds;
  for (size_t i = 0; i < step.parts.size(); ++i) {
    if (step.parts[i].gives_token) take_token(step.parts[i], (*logits)[i]);
  }
}

void Worker::run() {
  while (true) {
    try {
      if (!wait_for_work()) break;
      run_step();
    } catch (const std::bad_alloc&) {
      fail_all(machine_error("there is not enough memory"));
    }
    publish();
  }
  publish();
}

}  // namespace tern::serve

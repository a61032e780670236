// The thread that steps the engine.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "runtime/execute/engine.h"
#include "serve/answer/histogram.h"
#include "serve/answer/job.h"
#include "serve/scheduler/scheduler.h"

namespace tern::serve {

// What the worker has done so far.
struct WorkerStats {
  SchedulerCounts scheduler;
  uint64_t generated_tokens = 0, steps = 0;
  uint64_t finished = 0, refused = 0, failed = 0, cancelled = 0;
  double step_seconds = 0;
  Histogram first_token{first_token_bounds};  // seconds from submit() to the first token
  Histogram next_token{next_token_bounds};    // seconds between tokens of an answer
};

// Takes jobs from any thread, and runs them in one: see run().
class Worker {
 public:
  // `pool` and `options` as Scheduler takes them, but a step has no more rows than the engine has kernels
  // for. The engine must outlive the worker.
  Worker(runtime::Engine& engine, std::shared_ptr<runtime::PagePool> pool, const SchedulerOptions& options);

  // From any thread. `on_event` is called on the thread of run(): zero or more times with a token, then once
  // with another kind. It must be quick. An answer ends when its job is cancelled too, without an event.
  RequestId submit(Job job, OnEvent on_event);
  // From any thread. Takes effect before the next step. What is already ended, or not known, is ignored.
  void cancel(RequestId id);
  // From any thread. Nothing more is accepted, and run() returns when what was accepted has ended.
  void drain();
  // From any thread. run() returns after its step; jobs that have not ended fail.
  void stop();

  // Works until drain() or stop(). Called once, on the thread that loaded the engine.
  void run();

  // From any thread: as it was after the last step.
  WorkerStats stats() const;
  bool draining() const { return draining_; }
  const SchedulerOptions& options() const { return scheduler_.options(); }

 private:
  struct Submitted {
    RequestId id;
    Job job;
    OnEvent on_event;
    double time;
  };
  struct Cancelled {
    RequestId id;
  };
  struct Running {
    OnEvent on_event;
    TokenChooser chooser;
    AnswerText text;
    size_t max_tokens;
    size_t tokens = 0;
    double last;  // when it was submitted, or had its last token
  };

  double now() const;
  bool wait_for_work();
  void take(Submitted& submitted);
  void embed(const Job& job, const OnEvent& on_event);
  void run_step();
  void take_token(const StepPart& part, std::span<const float> logits);
  void end(RequestId id, AnswerEvent event);
  void fail_all(const Error& error);
  void publish();

  runtime::Engine& engine_;
  Scheduler scheduler_;
  std::map<RequestId, Running> running_;
  WorkerStats counted_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<bool> draining_ = false, stopping_ = false;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable arrived_;
  std::vector<std::variant<Submitted, Cancelled>> inbox_;
  RequestId last_id_ = 0;
  WorkerStats published_;
};

}  // namespace tern::serve

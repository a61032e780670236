#include "serve/answer/worker.h"

#include <gtest/gtest.h>

#include <future>
#include <random>
#include <thread>

#include "tests/serve/support/model_in_the_box.h"

namespace tern::serve {
namespace {

using runtime::StopReason;

// Runs a worker on a thread of its own, as long as it lives.
class Running {
 public:
  explicit Running(SchedulerOptions options = {}, size_t threads = 1, size_t positions = 16384)
      : session_(open_box(threads)),
        worker_(*session_.engine, session_.engine->make_pool(positions).take(), options),
        thread_([this] { worker_.run(); }) {}
  ~Running() {
    worker_.stop();
    thread_.join();
  }
  Worker* operator->() { return &worker_; }
  runtime::Engine& engine() { return *session_.engine; }

 private:
  runtime::Session session_;
  Worker worker_;
  std::thread thread_;
};

struct Told {
  std::vector<uint32_t> tokens;
  std::string text;
  AnswerEvent last;
  bool operator==(const Told& other) const {
    return tokens == other.tokens && text == other.text && last.kind == other.last.kind &&
           last.reason == other.last.reason && last.tokens == other.last.tokens;
  }
};

std::future<Told> ask(Running& running, Job job) {
  auto promise = std::make_shared<std::promise<Told>>();
  auto told = std::make_shared<Told>();
  running->submit(std::move(job), [promise, told](const AnswerEvent& event) {
    for (const runtime::ThoughtPart& part : event.parts) told->text += part.text;
    if (event.kind == EventKind::token) {
      told->tokens.push_back(event.token.token);
      return;
    }
    told->last = event;
    promise->set_value(*told);
  });
  return promise->get_future();
}

// Of mixed lengths and options, some with beginnings in common.
std::vector<Job> mixed_jobs(size_t count) {
  std::mt19937 random(5);
  std::vector<Job> jobs;
  for (size_t i = 0; i < count; ++i) {
    Job job;
    job.client = std::string(1, static_cast<char>('a' + i % 3));
    const size_t length = 1 + random() % (i % 8 == 0 ? 300 : 90);
    for (size_t j = 0; j < length; ++j) {
      const size_t family = j < 128 ? i % 4 : i;
      job.prompt.push_back(static_cast<uint32_t>(1 + (family * 131 + j * 37) % 600));
    }
    job.max_tokens = 1 + random() % 40;
    job.choice.sampling.temperature = i % 3 == 0 ? 0.0f : 1.0f;
    job.choice.sampling.seed = i % 5;
    if (i % 4 == 1) job.choice.presence_penalty = 0.5f;
    if (i % 7 == 2) job.text.stop_strings = {"e"};
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::vector<Told> one_by_one(Running& running, const std::vector<Job>& jobs) {
  std::vector<Told> told;
  for (const Job& job : jobs) told.push_back(ask(running, job).get());
  return told;
}

std::vector<Told> at_once(Running& running, const std::vector<Job>& jobs) {
  std::vector<std::future<Told>> futures;
  for (const Job& job : jobs) futures.push_back(ask(running, job));
  std::vector<Told> told;
  for (std::future<Told>& future : futures) told.push_back(future.get());
  return told;
}

TEST(Worker, AnswersAreTheSameAloneAndInACrowd) {
  const std::vector<Job> jobs = mixed_jobs(64);
  SchedulerOptions cached{.context = 512, .max_rows = 64, .latency_target = 0.02};
  SchedulerOptions uncached = cached;
  uncached.reuse_prefixes = false;
  std::vector<Told> right;
  {
    Running running(uncached);
    right = one_by_one(running, jobs);
    for (const Told& each : right) ASSERT_EQ(each.last.kind, EventKind::finished);
    EXPECT_EQ(at_once(running, jobs), right);
  }
  for (const size_t threads : {1u, 2u}) {
    // Few pages, so that sequences are preempted and beginnings are thrown away.
    Running running(cached, threads, 1024);
    EXPECT_EQ(at_once(running, jobs), right) << threads;
    EXPECT_EQ(one_by_one(running, jobs), right) << threads;
    const WorkerStats stats = running->stats();
    EXPECT_GT(stats.scheduler.reused_tokens, 0u);
    EXPECT_GT(stats.steps, 0u);
  }
}

TEST(Worker, EndsAnswersForTheReasonThatItTells) {
  Running running;
  Job job{.prompt = running.engine().tokenizer().encode_from_beginning("It was", false), .max_tokens = 20};
  job.choice.sampling.temperature = 0;
  const Told whole = ask(running, job).get();
  EXPECT_EQ(whole.last.reason, StopReason::max_tokens);
  EXPECT_EQ(whole.last.tokens, 20u);
  EXPECT_EQ(whole.tokens.size(), 20u);
  ASSERT_GT(whole.text.size(), 12u);
  const std::string stop = whole.text.substr(10, 2);
  job.text.stop_strings = {stop};
  const Told stopped = ask(running, job).get();
  EXPECT_EQ(stopped.last.reason, StopReason::stop_string);
  EXPECT_EQ(stopped.last.stop_string, stop);
  EXPECT_EQ(stopped.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_LT(stopped.last.tokens, 20u);
}

TEST(Worker, CancelledAnswersSayNothingMore) {
  Running running;
  std::promise<void> began;
  std::atomic<int> events = 0;
  Job job{.prompt = {1, 2, 3}, .max_tokens = 1900};
  job.choice.bias = {};
  for (uint32_t id = 0; id < running.engine().tokenizer().size(); ++id) {
    if (running.engine().tokenizer().is_end(id)) job.choice.bias[id] = -100;
  }
  const RequestId id = running->submit(job, [&](const AnswerEvent&) {
    if (++events == 1) began.set_value();
  });
  began.get_future().get();
  running->cancel(id);
  const Told next = ask(running, {.prompt = {4, 5}, .max_tokens = 2}).get();
  EXPECT_EQ(next.last.kind, EventKind::finished);
  const int then = events;
  EXPECT_EQ(ask(running, {.prompt = {4, 5}, .max_tokens = 5}).get().last.kind, EventKind::finished);
  EXPECT_EQ(events, then);
  EXPECT_EQ(running->stats().cancelled, 1u);
}

TEST(Worker, RefusesAndFailsWithAReason) {
  Running running({.context = 64});
  const Told too_long = ask(running, {.prompt = std::vector<uint32_t>(60, 1), .max_tokens = 10}).get();
  EXPECT_EQ(too_long.last.kind, EventKind::refused);
  EXPECT_EQ(too_long.last.refusal.value().reason, RefusalReason::too_long);
  Job bad{.prompt = {1}, .max_tokens = 1};
  bad.choice.sampling.top_p = 7;
  EXPECT_EQ(ask(running, bad).get().last.kind, EventKind::failed);
  running->drain();
  EXPECT_TRUE(running->draining());
}

TEST(Worker, GivesVectors) {
  Running running;
  const Told told = ask(running, {.prompt = {1, 2, 3}, .pooling = runtime::Pooling::mean}).get();
  EXPECT_EQ(told.last.kind, EventKind::finished);
  EXPECT_EQ(told.last.vector.size(), running.engine().model().hyperparameters.embedding_length);
}

}  // namespace
}  // namespace tern::serve

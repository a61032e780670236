// The race of a bucket's candidates, with all that Tern's own races do (autotune/measure/race.h): all
// candidates run in every round, in random order, and once more the default kernel, the baseline. A device
// that gets hot, and slow, is slow for all of a round.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <thread>

#include "autotune/measure/race.h"
#include "check.h"

namespace tern::job {

// Seconds that `work` takes on `threads` threads, from when all have started until the last is done.
inline double seconds_of(int threads, const std::function<void(int thread)>& work) {
  std::atomic<int> waiting{0}, done{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> helpers;
  for (int thread = 1; thread < threads; ++thread) {
    helpers.emplace_back([&, thread] {
      ++waiting;
      while (!go) std::this_thread::yield();
      work(thread);
      ++done;
    });
  }
  while (waiting < threads - 1) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  go = true;
  work(0);
  while (done < threads - 1) std::this_thread::yield();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (std::thread& helper : helpers) helper.join();
  return seconds;
}

// Weights are read from memory, as in a model: each call takes the next copy of many.
class Timer {
 public:
  Timer(int threads, size_t bytes_of_weights) : threads_(threads), weights_(bytes_of_weights + slack) {
    std::memset(weights_.data(), job_weights_byte, weights_.size());
  }

  double seconds(const Call& call, int calls) {
    const size_t stride = (static_cast<size_t>(call.kernel.buffers[0].bytes) + 63) / 64 * 64;
    const size_t copies = std::max<size_t>((weights_.size() - slack) / stride, 1), first = next_;
    next_ += static_cast<size_t>(calls);
    return seconds_of(threads_,
                      [&](int thread) {
                        for (int i = 0; i < calls; ++i)
                          call.run(weights_.data() + (first + static_cast<size_t>(i)) % copies * stride,
                                   thread, threads_);
                      }) /
           calls;
  }

  static constexpr size_t slack = 65536;

 private:
  int threads_;
  Memory weights_;
  size_t next_ = 0;
};

// A candidate in the race of its bucket.
struct Entry {
  const Candidate* candidate;
  std::unique_ptr<Call> call;  // null: it was refused
  std::string refused;
  int calls = 1;  // of a sample
  autotune::RaceEntry measured;
  std::vector<double> preparation_seconds;  // of each

  double ratio() const { return measured.ratio().value; }
};

// As many calls as take two milliseconds.
inline int calls_of_a_sample(Timer& timer, const Call& call) {
  constexpr double sample = 0.002;
  timer.seconds(call, 1);
  for (int calls = 1;; calls *= 4) {
    const double seconds = timer.seconds(call, calls);
    if (seconds * calls >= sample / 4) return std::max(1, static_cast<int>(std::lround(sample / seconds)));
  }
}

inline double time_preparation(const Call& call, const tern_preparation& preparation, int threads,
                               int64_t rows) {
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) seconds.push_back(seconds_of(1, [&](int) { call.run(preparation); }));
  return median(seconds) / static_cast<double>(std::min<int64_t>(threads, rows));
}

inline autotune::RaceRules race_rules() {
  autotune::RaceRules rules;
  rules.max_rounds = 24;
  return rules;
}

// Until all that run are known or time is up. The first entry is the default kernel, which is never dropped.
// False if it was interrupted before anything is known.
inline bool race(Timer& timer, std::vector<Entry>& entries, const std::function<bool()>& time_is_up,
                 const std::function<bool()>& interrupted) {
  const autotune::RaceRules rules = race_rules();
  const Entry& baseline = entries.front();
  std::mt19937_64 random(1);
  int rounds = 0;
  for (; rounds < rules.max_rounds && !interrupted(); ++rounds) {
    if (rounds >= rules.min_rounds && time_is_up()) break;
    std::vector<Entry*> running;
    std::vector<autotune::RaceEntry*> measured;
    for (Entry& entry : entries) {
      if (!entry.call || entry.measured.dropped) continue;
      running.push_back(&entry);
      measured.push_back(&entry.measured);
    }
    // The default kernel, which is running[0], once more: how much it differs from itself is the noise.
    std::vector<double> seconds(running.size() + 1);
    std::vector<size_t> order(seconds.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    for (const size_t i : order) {
      const Entry& entry = i == 0 ? baseline : *running[i - 1];
      seconds[i] = timer.seconds(*entry.call, entry.calls);
    }
    const double baseline_seconds = autotune::baseline_of(seconds[0], seconds[1]);
    for (size_t i = 0; i < running.size(); ++i) running[i]->measured.add(seconds[i + 1], baseline_seconds);
    drop_behind(measured, rules, &baseline.measured);
    if (is_decided(measured, rules)) return true;
  }
  return rounds >= rules.min_rounds;
}

}  // namespace tern::job

// Times in turn: all candidates of a bucket in every round, in random order, the default kernel among them.
// Each time counts as a ratio to the default's in the same round, so a device that gets hot, and slow, is
// slow for all.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <thread>

#include "check.h"

namespace tern::job {

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// As a standard deviation, where values are normal.
inline double deviation(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::fabs(value - middle));
  return 1.4826 * median(distances);
}

// Of a median; 1, which is "not known", for few values.
inline double standard_error(const std::vector<double>& values) {
  return values.size() < 3 ? 1 : 1.2533 * deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

// How long `work` takes on so many threads, from when all are there until the last is done.
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

struct Runner {
  const Candidate* candidate;
  std::unique_ptr<Call> call;  // null: it was refused
  std::string refused;
  int calls = 1;                            // of a sample
  std::vector<double> seconds, ratios;      // by round
  bool dropped = false;                     // it was clearly slower than the best
  std::vector<double> preparation_seconds;  // of each

  double ratio() const { return median(ratios); }
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

constexpr int least_rounds = 4, most_rounds = 24;
constexpr double worth_it = 0.01;  // smaller differences do not matter

inline bool is_hopeless(const Runner& runner, const Runner& best) {
  const double own = runner.ratio(), lead = best.ratio();
  if (runner.ratios.size() >= 2 && own > 1.5 * lead) return true;
  const double error = std::hypot(standard_error(runner.ratios), standard_error(best.ratios));
  return runner.ratios.size() >= least_rounds && own > (1 + worth_it) * lead && own - lead > 3 * error;
}

inline bool is_clear(const std::vector<Runner*>& running) {
  return std::all_of(running.begin(), running.end(), [](const Runner* runner) {
    return runner->ratios.size() >= 2 * least_rounds &&
           standard_error(runner->ratios) < worth_it / 2 * runner->ratio();
  });
}

// Until the order is clear or time is up. The first runner is the default kernel. False if it was stopped
// before anything is known.
inline bool race(Timer& timer, std::vector<Runner>& runners, const std::function<bool()>& time_is_up,
                 const std::function<bool()>& interrupted) {
  std::vector<Runner*> running;
  for (Runner& runner : runners) {
    if (runner.call) running.push_back(&runner);
  }
  std::mt19937_64 random(1);
  const Runner& usual = runners.front();
  int rounds = 0;
  for (; rounds < most_rounds && !interrupted(); ++rounds) {
    if (rounds >= least_rounds && time_is_up()) break;
    // The default once more as the measure of all: how much it differs from itself is the noise.
    std::vector<double> seconds(running.size() + 1);
    std::vector<size_t> order(seconds.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    for (const size_t i : order) {
      const Runner& runner = i == 0 ? usual : *running[i - 1];
      seconds[i] = timer.seconds(*runner.call, runner.calls);
    }
    for (size_t i = 0; i < running.size(); ++i) {
      running[i]->seconds.push_back(seconds[i + 1]);
      running[i]->ratios.push_back(seconds[i + 1] / seconds[0]);
    }
    const Runner& best =
        **std::min_element(running.begin(), running.end(),
                           [](const Runner* a, const Runner* b) { return a->ratio() < b->ratio(); });
    for (Runner* runner : running) runner->dropped = runner != &usual && is_hopeless(*runner, best);
    running.erase(
        std::remove_if(running.begin(), running.end(), [](const Runner* runner) { return runner->dropped; }),
        running.end());
    if (is_clear(running)) return true;
  }
  return rounds >= least_rounds;
}

}  // namespace tern::job

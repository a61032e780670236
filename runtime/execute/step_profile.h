// Where the time of the steps of a graph goes: the work of each thread, and its waiting for the others.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

// Sums over the runs of an executable. Each thread writes its own sums, without locks. A run that is profiled
// reads the clock once or twice a step more, about 50 ns each time.
class StepProfile {
 public:
  using Clock = std::chrono::steady_clock;

  // The steps of one label, such as "matmul gate up", summed over layers, runs and threads.
  struct Row {
    std::string label;
    int64_t steps = 0;  // that were run, each counted once, whatever the number of threads
    double work_seconds = 0;
    double wait_seconds = 0;  // after the work, in the meeting that ends the step
  };

  // Forgets everything, and makes room for this many threads.
  void begin(size_t threads) { threads_.assign(threads, {}); }

  // Adds a step of a label that a thread ran from `began` to `worked`, and after which it waited until `met`;
  // `met` is `worked` if the step ends in no meeting.
  void add(size_t thread, std::string_view label, Clock::time_point began, Clock::time_point worked,
           Clock::time_point met);

  // In the order in which labels first ran.
  std::vector<Row> rows() const;
  size_t threads() const { return threads_.size(); }

 private:
  struct alignas(64) OfThread {
    std::vector<Row> rows;
  };
  std::vector<OfThread> threads_;
};

}  // namespace tern::runtime

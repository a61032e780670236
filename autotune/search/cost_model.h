// The predicted time of a kernel that is not run. With compute = cycles by LLVM's scheduling models / hertz,
// cache = bytes between the caches / their bandwidth (cache_traffic.h), memory = bytes of the matrix /
// bandwidth, and l the median of measured / predicted for the recipe's strategy (CostModel::learn),
//
//     seconds = overlapped(l * overlapped(compute, cache), memory)
//
// (expected_time.h). Predictions rank candidates; measurements decide.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "codegen/cost/cycle_estimate.h"
#include "kernels/space.h"

namespace tern::autotune {

// The machine that the times are for.
struct Machine {
  int threads = 1;
  double bytes_per_second = 0;     // that all threads read together from memory
  double hertz = 3e9;              // of a core; where memory is not the limit, ranks do not depend on it
  double products_per_second = 0;  // the peak of all threads; 0: not known. Predictions do not use it
};

// The machine that a target's file describes; 20 GB/s if it does not state the bandwidth.
Machine described_machine(const targets::Target& target, int threads);

struct Prediction {
  double seconds = 0;                                                 // of one call, by the formula above
  double compute_seconds = 0, memory_seconds = 0, cache_seconds = 0;  // without l
  std::string limit;       // "memory: 4.4 MB at 50 GB/s", "HWPort0 is busy for ..."
  int stack_accesses = 0;  // in the loop that takes most of the time
};

class CostModel {
 public:
  // predict() may be called by `threads` threads at once. Errors: LLVM has no scheduling model for the
  // target.
  static Expected<CostModel> make(const targets::Target& target, const Machine& machine, int threads);

  // Lowers and simulates the candidate, unless its like was simulated before: kernels that differ only in n
  // and k are simulated once, for a small matrix. Nothing if ir::verify refuses the kernel or its program.
  std::optional<Prediction> predict(const kernels::Candidate& candidate);
  // The same of several, shared out among the threads.
  std::vector<std::optional<Prediction>> predict(std::span<const kernels::Candidate> candidates,
                                                 ThreadPool& pool);

  // Adds measured / predicted seconds, both with the weights in cache, to the ratios of the recipe's strategy
  // and way to unpack, whose median is its factor l from now on.
  void learn(const kernels::Recipe& recipe, double cache_seconds, const Prediction& predicted);
  // These ratios, by strategy and way to unpack as text: "dot table".
  const std::map<std::string, std::vector<double>>& lessons() const { return lessons_; }

  const Machine& machine() const { return machine_; }

 private:
  CostModel(const targets::Target& target, const Machine& machine) : target_(target), machine_(machine) {}
  struct Cycles {
    double of_a_weight;  // cycles of one core for one of m * n * k
    std::string limit;
    int stack_accesses;
  };
  std::optional<Cycles> simulate(const kernels::Candidate& candidate, codegen::CycleModel& model);
  std::optional<Prediction> predict_with(const kernels::Candidate& candidate, codegen::CycleModel& model);

  targets::Target target_;
  Machine machine_;
  std::vector<codegen::CycleModel> models_;  // one a thread
  std::shared_ptr<std::mutex> mutex_ = std::make_shared<std::mutex>();
  std::map<uint64_t, std::optional<Cycles>> cycles_;  // by the small kernel
  std::map<std::string, std::vector<double>> lessons_;
};

}  // namespace tern::autotune

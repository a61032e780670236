// What a kernel should cost, without running it: cycles by LLVM's scheduling models, bytes over bandwidth,
// and what does not fit the caches. It ranks; measurements decide, and say how far off it was.
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
  double bytes_per_second = 0;  // that all threads read together from memory
  double hertz = 3e9;  // of a core. Only a scale: ranks do not depend on it where memory does not matter
  double products_per_second = 0;  // that all threads do at most; 0: not known, and no prediction asks for it
};

// What a target's file says of it, with a guess for what it does not say.
Machine described_machine(const targets::Target& target, int threads);

struct Prediction {
  double seconds = 0;  // of one call: a little more than the largest of the next three, with what was learned
  double compute_seconds = 0, memory_seconds = 0, cache_seconds = 0;
  std::string limit;       // "memory: 4.4 MB at 50 GB/s", "HWPort0 is busy for ..."
  int stack_accesses = 0;  // in the loop that takes most of the time
};

class CostModel {
 public:
  // Predictions are made by up to so many threads at once. Fails if LLVM has no scheduling model for the
  // target.
  static Expected<CostModel> make(const targets::Target& target, const Machine& machine, int threads);

  // Compiles and simulates what was not asked for before; kernels that differ only in n and k are simulated
  // once, for a small matrix. Nothing where the kernel cannot be lowered or is not proved.
  std::optional<Prediction> predict(const kernels::Candidate& candidate);
  // The same of several, shared out among the threads.
  std::vector<std::optional<Prediction>> predict(std::span<const kernels::Candidate> candidates,
                                                 ThreadPool& pool);

  // Takes measured / predicted seconds of kernels of one strategy as its correction from now on: their
  // median. What was measured had its weights in cache, so that the core alone made it.
  void learn(const kernels::Recipe& recipe, double cache_seconds, const Prediction& predicted);
  // By strategy and way to unpack, as text: "dot table".
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

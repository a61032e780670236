// What the threads run: the steps of one part of a graph, bound to memory, weights and kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "base/thread_pool.h"
#include "runtime/execute/bound_steps.h"
#include "runtime/execute/delta_steps.h"
#include "runtime/execute/expert_steps.h"
#include "runtime/execute/product_step.h"

namespace tern::runtime {

struct BoundStep {
  std::variant<EmbedStep, AnglesStep, CenterStep, NormStep, QuantizeStep, ProductStep, RopeStep, StoreStep,
               AttendStep, CombineStep, AddStep, GateStep, ActivateStep, ScaleStep, SelectStep, RouteStep,
               GatherStep, ExpertProductStep, ExpertGateStep, MixStep, RotateStep, PartStep, ConvolveStep,
               DeltaStep>
      step;
  bool meet_after = false;
  int64_t layer = -1;
  std::string label;  // the operation and its weights: "matmul gate up"
};

class Executable {
 public:
  // Runs the steps on all threads of the pool.
  void run(const StepRun& run, ThreadPool& pool, Barrier& barrier);

  // Whether a step combines the partial results of attention: see StepRun::partials.
  bool combines_blocks() const;
  // What the part returns: the logits, or the normed rows.
  FloatRows output() const { return output_; }

  // How often the threads wait for each other: in one run, with the wait at its end, and in one layer.
  int64_t meetings() const;
  int64_t meetings_of_layer() const;

 private:
  friend class Binder;  // bind.cpp
  void begin_trial(const StepRun& run);
  void run_profiled(const StepRun& run, ThreadPool& pool, Barrier& barrier);

  std::vector<BoundStep> steps_;
  FloatRows output_;
  std::vector<std::unique_ptr<SharedColumns>> shared_columns_;
  std::vector<std::unique_ptr<ThreadRoutes>> routes_;
};

}  // namespace tern::runtime

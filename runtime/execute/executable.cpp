#include "runtime/execute/executable.h"

#include <algorithm>
#include <numeric>

#include "runtime/execute/kernel_trials.h"
#include "runtime/execute/step_profile.h"

namespace tern::runtime {

void Executable::run(const StepRun& run, ThreadPool& pool, Barrier& barrier) {
  if (run.trials) begin_trial(run);
  if (run.profile) return run_profiled(run, pool, barrier);
  pool.run([&](size_t thread) {
    for (const BoundStep& bound : steps_) {
      std::visit([&](const auto& step) { step.run(run, thread); }, bound.step);
      if (bound.meet_after) barrier.wait();
    }
  });
}

// The same, with the clock read around each step. What the last thread to end a run leaves the others to wait
// for is the wait of the last step.
void Executable::run_profiled(const StepRun& run, ThreadPool& pool, Barrier& barrier) {
  using Clock = StepProfile::Clock;
  struct alignas(64) LastStep {
    Clock::time_point began, worked;
  };
  std::vector<LastStep> last(pool.threads());
  pool.run([&](size_t thread) {
    for (const BoundStep& bound : steps_) {
      const Clock::time_point began = Clock::now();
      std::visit([&](const auto& step) { step.run(run, thread); }, bound.step);
      const Clock::time_point worked = Clock::now();
      if (&bound == &steps_.back()) {
        last[thread] = {began, worked};
      } else if (bound.meet_after) {
        barrier.wait();
        run.profile->add(thread, bound.label, began, worked, Clock::now());
      } else {
        run.profile->add(thread, bound.label, began, worked, worked);
      }
    }
  });
  const Clock::time_point met = Clock::now();
  for (size_t thread = 0; thread < last.size(); ++thread)
    run.profile->add(thread, steps_.back().label, last[thread].began, last[thread].worked, met);
}

// A candidate's loop over n may have another step than that of the kernel in use.
void Executable::begin_trial(const StepRun& run) {
  for (const std::unique_ptr<SharedColumns>& shared : shared_columns_) {
    shared->unit_in_trial = shared->unit;
    for (const size_t product : shared->products) {
      const codegen::CompiledKernel* candidate = run.trials->candidate_for(product, run.count);
      if (candidate)
        shared->unit_in_trial = std::lcm(shared->unit_in_trial, ParallelLoops(candidate->kernel()).columns());
    }
  }
}

bool Executable::combines_blocks() const {
  return std::ranges::any_of(
      steps_, [](const BoundStep& bound) { return std::holds_alternative<CombineStep>(bound.step); });
}

int64_t Executable::meetings() const {
  return 1 + std::ranges::count_if(steps_, &BoundStep::meet_after);
}

int64_t Executable::meetings_of_layer() const {
  return std::ranges::count_if(steps_,
                               [](const BoundStep& step) { return step.layer == 0 && step.meet_after; });
}

}  // namespace tern::runtime

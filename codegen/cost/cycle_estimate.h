// What a call of a generated kernel costs by LLVM's scheduling models, as llvm-mca simulates them: the time
// of instructions alone, with all data in the first cache. For any target, on any host.
//
// Known to be missing: AMX instructions have placeholders for costs; mispredicted branches cost nothing. See
// also corrected_schedule.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/expected.h"
#include "ir/program/program.h"
#include "targets/target.h"

namespace tern::codegen {

// How busy a port, pipe or other resource of the CPU is in one iteration of a loop.
struct ResourceUse {
  std::string name;   // the model's
  int units = 1;      // alike
  double cycles = 0;  // of each unit
};

struct CycleEstimate {
  // What keeps a loop from running faster.
  enum class Limit : uint8_t {
    resource,  // a port or pipe is busy all the time
    latency,   // instructions wait for one another, or for room in queues
    dispatch,  // no more instructions can be started in a cycle
  };

  double cycles = 0;  // of one call that does all iterations of all loops, parallel ones too, on one core

  // The loop that takes most of that time, without the loops inside it; the function itself if that has none.
  double inner_cycles = 0;             // of an iteration
  int inner_instructions = 0;          // of an iteration
  int64_t inner_iterations = 0;        // in one call
  int inner_stack_accesses = 0;        // instructions that load or store registers that were spilled
  std::vector<ResourceUse> resources;  // that it uses, the busiest first
  Limit limit = Limit::latency;
  std::string limit_detail;  // such as "HWPort0 is busy for 233.0 of 233.0 cycles"

  // How far to trust it.
  int not_modelled = 0;  // instructions, wherever, that the model knows nothing of: they cost 0 or 100 cycles
  bool loops_known = true;      // how often each loop runs is exact; else a loop of unknown trips counts once
  std::string model;            // the processor whose model it is, by LLVM's name
  bool model_is_exact = false;  // that is the target's processor
  std::string model_note;       // what is known to be different about the target's; may be empty
};

std::string_view name(CycleEstimate::Limit limit);

// Estimates programs for one target. Making one takes some milliseconds, so keep it; each thread needs its
// own.
class CycleModel {
 public:
  // Fails if LLVM has no scheduling model for the target's processor.
  static Expected<CycleModel> make(const targets::Target& target);
  CycleModel(CycleModel&&) noexcept;
  CycleModel& operator=(CycleModel&&) noexcept;
  ~CycleModel();

  // Compiles the program and simulates its loops. Preconditions as for compile().
  Expected<CycleEstimate> estimate(const ir::Program& program);

 private:
  struct State;
  explicit CycleModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// For a single program: CycleModel::make(target) and estimate(program).
Expected<CycleEstimate> estimate_cycles(const ir::Program& program, const targets::Target& target);

// Lines for a person; `weights` is the number of weights that one call multiplies.
std::string print(const CycleEstimate& estimate, double weights);

}  // namespace tern::codegen

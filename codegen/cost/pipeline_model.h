// Internal to codegen/: a CPU's pipeline as LLVM's scheduling models describe it, and llvm-mca's simulation
// of it.
#pragma once

#include <llvm/ADT/ArrayRef.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstrAnalysis.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MCA/Instruction.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <string>
#include <vector>

#include "base/expected.h"
#include "codegen/cost/corrected_schedule.h"
#include "targets/target.h"

namespace llvm::mca {
class InstrBuilder;
}

namespace tern::codegen {

// What one iteration of a loop takes once the pipeline is full, or the only one.
struct Simulation {
  double cycles = 0;
  double micro_operations = 0;
  int instructions = 0;
  int not_modelled = 0;                 // instructions that the model knows nothing of
  std::vector<double> resource_cycles;  // of one unit, by resource of the scheduling model
};

class PipelineModel {
 public:
  // `machine` must outlive the model. Fails if LLVM has no scheduling model for the target.
  static Expected<PipelineModel> make(const targets::Target& target, const llvm::TargetMachine& machine);

  // Runs the instructions that many times (at least 1), one after the other.
  Simulation simulate(llvm::ArrayRef<llvm::MCInst> body, int iterations) const;

  // The target's processor, and the one that its model was written for, by LLVM's names.
  const std::string& processor() const { return processor_; }
  const std::string& name() const { return name_; }
  const llvm::MCSchedModel& schedule() const { return subtarget_->getSchedModel(); }
  unsigned dispatch_width() const;  // micro-operations that it starts in a cycle

 private:
  using Instructions = std::vector<std::unique_ptr<llvm::mca::Instruction>>;
  Instructions read(llvm::ArrayRef<llvm::MCInst> body, llvm::mca::InstrBuilder& builder,
                    Simulation& result) const;

  const llvm::TargetMachine* machine_ = nullptr;
  std::string processor_, name_;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget_;
  std::unique_ptr<llvm::MCInstrAnalysis> analysis_;
  std::unique_ptr<CorrectedSchedule> costs_;
};

}  // namespace tern::codegen

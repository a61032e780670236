// Internal to codegen/: LLVM's scheduling models, put right where they are known to be far off for the
// instructions that kernels are made of.
#pragma once

#include <llvm/MCA/CustomBehaviour.h>
#include <llvm/MCA/Instruction.h>

#include <map>
#include <string>

namespace tern::codegen {

// Gives an instruction whose cost is wrong in LLVM's model the cost of another instruction that is right, and
// corrects latencies that no instruction of the model has.
class CorrectedSchedule : public llvm::mca::InstrumentManager {
 public:
  // `model`: the processor that the model was written for; `processor`: the one that it stands for.
  CorrectedSchedule(const llvm::MCSubtargetInfo& subtarget, const llvm::MCInstrInfo& instructions,
                    std::string_view model, std::string_view processor);

  unsigned getSchedClassID(const llvm::MCInstrInfo& instructions, const llvm::MCInst& instruction,
                           const llvm::SmallVector<llvm::mca::Instrument*>& instruments) const override;

  // Corrects the latency of an instruction. `made` is LLVM's description of it.
  void correct(const llvm::MCInst& instruction, llvm::mca::Instruction& made) const;

  // Micro-operations that the processor starts in a cycle; 0: as the model says.
  unsigned dispatch_width() const { return is_zen5_ ? 8 : 0; }

 private:
  bool is_zen5_;
  std::map<unsigned, unsigned> stand_ins_;  // by opcode, the opcode whose cost it has
};

// What is known of the difference between model and processor, in words, whether it is put right or not.
std::string_view known_difference(std::string_view model, std::string_view processor);

}  // namespace tern::codegen

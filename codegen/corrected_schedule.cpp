#include "codegen/corrected_schedule.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/ADT/StringMap.h>

namespace tern::codegen {
namespace {

// Zen 4 and 5 multiply for dot products on the pipes that multiply and add floats. LLVM 19 says so of those
// that read memory, or have VEX encoding, and gives four times the cost to the others. It lets broadcasts
// from memory take a pipe, but the load is all there is.
std::string as_on_zen(llvm::StringRef name) {
  for (const llvm::StringRef dot : {"VPDPBUSDZ", "VPDPWSSDZ"}) {
    if (name.consume_front(dot)) return ("VFMADD231PSZ" + name).str();
  }
  for (const llvm::StringRef broadcast : {"VPBROADCASTDZ", "VPBROADCASTQZ", "VBROADCASTSSZ"}) {
    if (name.ends_with("rm") && name.consume_front(broadcast)) return ("VMOVDQA64Z" + name).str();
  }
  return name.str();
}

// Zen 5 does 512 bits at once: what 256 bits cost on Zen 4. And it shifts on the pipes that add floats.
std::string as_on_zen5(std::string name) {
  for (const llvm::StringRef shift : {"VPSRLWZ", "VPSRLDZ", "VPSLLWZ", "VPSLLDZ", "VPSRAWZ", "VPSRADZ"}) {
    if (llvm::StringRef(name).starts_with(shift)) name = "VADDPSZrr";
  }
  for (size_t i = 1; i + 1 < name.size(); ++i) {
    if (name[i] == 'Z' && llvm::isLower(name[i + 1]))
      return name.substr(0, i + 1) + "256" + name.substr(i + 1);
  }
  return name;
}

}  // namespace

CorrectedSchedule::CorrectedSchedule(const llvm::MCSubtargetInfo& subtarget,
                                     const llvm::MCInstrInfo& instructions, std::string_view model,
                                     std::string_view processor)
    : InstrumentManager(subtarget, instructions) {
  if (model != "znver4") return;
  llvm::StringMap<unsigned> opcodes;
  for (unsigned opcode = 0; opcode < instructions.getNumOpcodes(); ++opcode)
    opcodes[instructions.getName(opcode)] = opcode;
  for (unsigned opcode = 0; opcode < instructions.getNumOpcodes(); ++opcode) {
    std::string name = as_on_zen(instructions.getName(opcode));
    if (processor == "znver5") name = as_on_zen5(std::move(name));
    const auto found = opcodes.find(name);
    if (found != opcodes.end() && found->second != opcode) stand_ins_[opcode] = found->second;
  }
}

unsigned CorrectedSchedule::getSchedClassID(const llvm::MCInstrInfo& instructions,
                                            const llvm::MCInst& instruction,
                                            const llvm::SmallVector<llvm::mca::Instrument*>&) const {
  const auto found = stand_ins_.find(instruction.getOpcode());
  const unsigned opcode = found == stand_ins_.end() ? instruction.getOpcode() : found->second;
  return instructions.get(opcode).getSchedClass();
}

std::string_view known_difference(std::string_view model, std::string_view processor) {
  if (model == "znver4" && processor == "znver5") return "512 bits cost what 256 bits cost there";
  if (model == "znver4") return "dot products of registers cost what those of memory do, unlike in LLVM";
  if (model == "sapphirerapids") return "it multiplies 512 bits on one port, and servers on two";
  if (model == "apple-a7") return "it has 3 vector pipes, and cores since the A14 have 4";
  return {};
}

}  // namespace tern::codegen

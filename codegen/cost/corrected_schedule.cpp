#include "codegen/cost/corrected_schedule.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/ADT/StringMap.h>

namespace tern::codegen {
namespace {

// LLVM's name of an instruction is a stem and a form: VPDPBUSDZ + rm. Each form of the stem `name` gets the
// costs of the same form of the stem `stand_in`.
struct StandIn {
  llvm::StringRef name, stand_in;
};

// Zen 4 and 5 execute dot products of bytes on the pipes of floating-point multiply-add. LLVM 19 has that for
// the forms that read memory and for the VEX-encoded ones, and gives the other forms four times that cost.
// Broadcasts from memory take a vector pipe in LLVM 19; on the processor they are a load and nothing else.
const StandIn on_zen[] = {
    {"VPDPBUSDZ", "VFMADD231PSZ"},         {"VPDPWSSDZ", "VFMADD231PSZ"},
    {"VPBROADCASTDYrm", "VMOVDQAYrm"},     {"VPBROADCASTDZ256rm", "VMOVDQA64Z256rm"},
    {"VPBROADCASTDZrm", "VMOVDQA64Zrm"},   {"VPBROADCASTQZrm", "VMOVDQA64Zrm"},
    {"VBROADCASTI32X4rm", "VMOVDQA64Zrm"}, {"VBROADCASTI64X4rm", "VMOVDQA64Zrm"},
};

// Zen 5, where it differs from the model of Zen 4: shifts run on the pipes of floating-point addition,
// interleaves and blends on all four vector pipes, vpmultishiftqb on the pipes of integer multiplication. The
// VEX forms of vpdpbusd read three registers, so they compete for register reads with two-table permutes.
const StandIn on_zen5[] = {
    {"VPSRLWYri", "VADDPSYrr"},       {"VPSRLWZ256ri", "VADDPSZ256rr"}, {"VPSRLWZri", "VADDPSZrr"},
    {"VPSLLWYri", "VADDPSYrr"},       {"VPSLLWZ256ri", "VADDPSZ256rr"}, {"VPSLLWZri", "VADDPSZrr"},
    {"VPUNPCKLBWZ", "VPADDBZ"},       {"VPUNPCKHBWZ", "VPADDBZ"},       {"VPBLENDMBZ", "VPADDBZ"},
    {"VPMULTISHIFTQBZ", "VPMULHUWZ"}, {"VPDPBUSDYrr", "VFMADD231PSYr"}, {"VPDPBUSDYrm", "VFMADD231PSYm"},
    {"VPDPBUSDrr", "VFMADD231PSr"},   {"VPDPBUSDrm", "VFMADD231PSm"},
};

// Zen 5 has two pipes for permutes, extensions and masks, like the 128-bit shuffles of the model of Zen 4.
// Instructions with these prefixes get the cost of VPSHUFBrr, or of VPSHUFBrm if they read memory.
const llvm::StringRef shuffles_on_zen5[] = {"VPERMB",   "VPERMDY", "VPERMDZ",  "VPSHUFBY",
                                            "VPSHUFBZ", "VPMOVSX", "VPMOVZX",  "VPMOVB2M",
                                            "VPCMPUB",  "VPCMPB",  "VPTESTMB", "VPTESTNMB"};

std::string replaced(const std::string& name, llvm::ArrayRef<StandIn> rows) {
  for (const StandIn& row : rows) {
    llvm::StringRef rest = name;
    if (rest.consume_front(row.name)) return (row.stand_in + rest).str();
  }
  return name;
}

// Zen 5 does 512 bits at once: what 256 bits cost on Zen 4.
std::string with_256_bits(const std::string& name) {
  for (size_t i = 1; i + 1 < name.size(); ++i) {
    if (name[i] == 'Z' && llvm::isLower(name[i + 1]))
      return name.substr(0, i + 1) + "256" + name.substr(i + 1);
  }
  return name;
}

// The costs of another instruction on Zen 5; the same name if there is none.
std::string stand_in_on_zen5(const std::string& name, const llvm::MCInstrDesc& description) {
  const llvm::StringRef text = name;
  const auto begins = [&](llvm::StringRef prefix) { return text.starts_with(prefix); };
  const bool to_mask = begins("KMOV") && description.mayLoad();
  if (to_mask || (llvm::any_of(shuffles_on_zen5, begins) && !description.mayStore()))
    return description.mayLoad() ? "VPSHUFBrm" : "VPSHUFBrr";
  return with_256_bits(replaced(name, on_zen5));
}

// Latencies that no other instruction of the model has: on Zen 5 integers in vectors take two cycles at
// least, and bytes that cross lanes take four or five.
std::optional<unsigned> latency_on_zen5(llvm::StringRef name, unsigned latency) {
  if (name.starts_with("VPERM")) return name.contains("Z256") || name.contains('Y') ? 4 : 5;
  if (name.starts_with("VP") && latency == 1) return 2;
  return std::nullopt;
}

}  // namespace

CorrectedSchedule::CorrectedSchedule(const llvm::MCSubtargetInfo& subtarget,
                                     const llvm::MCInstrInfo& instructions, std::string_view model,
                                     std::string_view processor)
    : InstrumentManager(subtarget, instructions), is_zen5_(model == "znver4" && processor == "znver5") {
  llvm::StringMap<unsigned> opcodes;
  for (unsigned opcode = 0; opcode < instructions.getNumOpcodes(); ++opcode)
    opcodes[instructions.getName(opcode)] = opcode;
  if (model != "znver4") return;
  for (unsigned opcode = 0; opcode < instructions.getNumOpcodes(); ++opcode) {
    std::string name = replaced(instructions.getName(opcode).str(), on_zen);
    if (is_zen5_) name = stand_in_on_zen5(name, instructions.get(opcode));
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

void CorrectedSchedule::correct(const llvm::MCInst& instruction, llvm::mca::Instruction& made) const {
  // An instruction that reads memory keeps its latency: it begins a chain of dependencies, it is not part of
  // one.
  if (!is_zen5_ || MCII.get(instruction.getOpcode()).mayLoad()) return;
  const std::optional<unsigned> latency =
      latency_on_zen5(MCII.getName(instruction.getOpcode()), made.getDesc().MaxLatency);
  if (!latency) return;
  // LLVM made the description for this instruction alone; it is const only by its accessor.
  auto& costs = const_cast<llvm::mca::InstrDesc&>(made.getDesc());
  costs.MaxLatency = *latency;
  for (llvm::mca::WriteDescriptor& write : costs.Writes) write.Latency = *latency;
}

std::string_view known_difference(std::string_view model, std::string_view processor) {
  if (model == "znver4" && processor == "znver5")
    return "512 bits cost what 256 bits cost there; shuffles and latencies are its own";
  if (model == "znver4")
    return "dot products of registers cost what dot products of memory do, unlike in LLVM";
  if (model == "sapphirerapids") return "it multiplies 512 bits on one port, and servers on two";
  if (model == "apple-a7") return "it has 3 vector pipes, and cores since the A14 have 4";
  return {};
}

}  // namespace tern::codegen

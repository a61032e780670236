// Internal to codegen/: the instructions that a Program becomes, block by block, with the loops they are in.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/MC/MCInst.h>
#include <llvm/Target/TargetMachine.h>

#include <optional>
#include <string>
#include <vector>

#include "base/expected.h"

namespace tern::codegen {

// Instructions that all run if the first does.
struct MachineBlock {
  std::vector<llvm::MCInst> instructions;  // what is known only to the linker is 1
  int loop = -1;                           // index into MachineCode::loops of the innermost; -1: none
  int stack_accesses = 0;                  // instructions that load or store registers that were spilled
};

struct MachineLoop {
  int parent = -1;    // index of the loop around it; -1: none
  std::string label;  // of its first block, as in LLVM IR
};

struct MachineCode {
  std::vector<MachineBlock> blocks;  // in the order in which they lie
  std::vector<MachineLoop> loops;
};

// Generates code as for an object file, but keeps it. The module must hold one function, and is consumed by
// this. Fails if LLVM cannot make code for the target.
Expected<MachineCode> machine_code(llvm::Module& module, llvm::TargetMachine& machine);

}  // namespace tern::codegen

// Internal to codegen/: Program -> LLVM IR.
#pragma once

#include <llvm/IR/Module.h>

#include <memory>

#include "ir/program/program.h"
#include "targets/target.h"

namespace llvm {
class TargetMachine;
}

namespace tern::codegen {

// A module with one function `void name(void* const* buffers, const int64_t* ranges)`: one pointer a buffer,
// and begin and end for each parallel loop, outermost first.
// Preconditions: ir::verify(program) found nothing; no loop of kind `unroll` is left.
std::unique_ptr<llvm::Module> emit(const ir::Program& program, const targets::Target& target,
                                   llvm::TargetMachine& machine, llvm::LLVMContext& context);

}  // namespace tern::codegen

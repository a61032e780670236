// Internal to codegen/: LLVM's passes between emission and code generation.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

namespace tern::codegen {

// The same passes for code that runs, is shown, or has its cost estimated.
void optimize(llvm::Module& module, llvm::TargetMachine& machine);

}  // namespace tern::codegen

// Internal to codegen/: LLVM's view of a Target.
#pragma once

#include <llvm/Target/TargetMachine.h>

#include <memory>

#include "base/expected.h"
#include "targets/target.h"

namespace tern::codegen {

// The triple of a target; of this machine if the target names none.
std::string triple_of(const targets::Target& target);

// Fails if LLVM was built without the target's architecture.
Expected<std::unique_ptr<llvm::TargetMachine>> make_target_machine(const targets::Target& target);

}  // namespace tern::codegen

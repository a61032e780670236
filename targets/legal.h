// What a CPU cannot execute, decided before any code is made.
#pragma once

#include <string>
#include <vector>

#include "ir/kernel/kernel.h"
#include "targets/target.h"

namespace tern::targets {

// The reasons why a target cannot run a kernel, in words; empty if it can.
// Precondition: ir::verify(kernel) found nothing.
std::vector<std::string> legality_errors(const ir::Kernel& kernel, const Target& target);

}  // namespace tern::targets

// What makes a kernel wrong on any CPU is found here, before anything runs.
#pragma once

#include <vector>

#include "base/expected.h"
#include "ir/kernel/kernel.h"

namespace tern::ir {

// All that is wrong with a kernel on any CPU; empty if nothing is. `locations` gives the messages their line
// and column. (What a CPU cannot execute is Legal's to say.)
std::vector<Error> verify(const Kernel& kernel, const KernelLocations& locations = {});

}  // namespace tern::ir

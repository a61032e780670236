// The proofs: what makes a kernel or a program wrong is found here, before anything runs.
#pragma once

#include <vector>

#include "ir/expected.h"
#include "ir/kernel.h"
#include "ir/program.h"

namespace tern::ir {

// All that is wrong with a kernel on any CPU; empty if nothing is. `places` gives the messages their line and
// column. (What a CPU cannot execute is Legal's to say.)
std::vector<Error> verify(const Kernel& kernel, const KernelPlaces& places = {});

// All that is wrong with a program; empty if nothing is. Proves that every type fits its operation, every
// register is written before it is read, every load and store stays within its buffer and, once loops of
// kind `unroll` are gone, that no integer overflows. Places are lines and columns of print(program).
std::vector<Error> verify(const Program& program);

}  // namespace tern::ir

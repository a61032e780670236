// The proofs: what makes a program wrong is found here, before anything runs.
#pragma once

#include <vector>

#include "base/expected.h"
#include "ir/program/program.h"

namespace tern::ir {

// All that is wrong with a program; empty if nothing is. Proves that every type fits its operation, every
// register is written before it is read, every load and store stays within its buffer and, once loops of
// kind `unroll` are gone, that no integer overflows. Places are lines and columns of print(program).
std::vector<Error> verify(const Program& program);

}  // namespace tern::ir

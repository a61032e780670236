// Interval analysis of a Program: what values can its integers take?
#pragma once

#include <vector>

#include "base/expected.h"
#include "ir/program/program.h"

namespace tern::ir {

// Every operation whose result may not fit its type, or that reads a register not written before. An
// accumulator in a loop is bounded by what one iteration adds, times the iterations.
// Preconditions: types and bounds are right; register indices are constants.
std::vector<Error> verify_ranges(const Program& program);

}  // namespace tern::ir

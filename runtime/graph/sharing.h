// Whether threads must wait for each other between two operations: which part of a value a thread touches in
// each.
#pragma once

#include <cstdint>

#include "runtime/graph/graph.h"

namespace tern::runtime {

// Which part of a value a thread touches when it does one unit of an operation's work.
struct UnitAccess {
  Sharing sharing = Sharing::undecided;
  // heads: how many a row has; columns: how many are shared out; rows: how many there are for a token's
  // experts
  int64_t units = 0;
  bool within = true;  // true: only the elements of that unit; false: whole rows
};

// How an operation reads operands[operand], and how it writes its results.
UnitAccess read_access(const Graph& graph, const Operation& operation, size_t operand);
UnitAccess write_access(const Graph& graph, const Operation& operation);

// True if unit i of `a` and unit i of `b` are the same elements, so that the same thread touches them.
bool same_units(const UnitAccess& a, const UnitAccess& b);

}  // namespace tern::runtime

// Which operations threads may do one after the other without waiting for each other.
#pragma once

#include <cstdint>

#include "runtime/graph/graph.h"

namespace tern::runtime {

// The part of a value that one thread touches in an operation: what it does with one unit of its work.
struct UnitAccess {
  Sharing sharing = Sharing::undecided;
  int64_t units = 0;   // of heads: how many a row has; of columns: how many are shared out
  bool within = true;  // the thread touches the elements of its units alone
};

// How the operation reads its operand number `operand`, and how it writes its results.
UnitAccess read_access(const Graph& graph, const Operation& operation, size_t operand);
UnitAccess write_access(const Graph& graph, const Operation& operation);

// True if units are the same for both, so that the same thread touches the same elements.
bool same_units(const UnitAccess& a, const UnitAccess& b);

}  // namespace tern::runtime

// Helpers of the passes that replace two operations by one.
#pragma once

#include <vector>

#include "runtime/graph/graph.h"

namespace tern::runtime {

// The index of the operation of the block that gives the value, or -1.
int giver_of(const Block& block, int value);

// The index of the exact product (of an i8 operand, one matrix, no epilogue yet) of the block that gives the
// value, if `readers`, see count_readers, says that one operation alone reads it; or -1.
int fusible_product(const Graph& graph, const Block& block, int value, const std::vector<int>& readers);

// Removes the values that no operation gives or reads any more.
void remove_unused_values(Graph& graph);

}  // namespace tern::runtime

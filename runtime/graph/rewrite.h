// Helpers of the passes that replace two operations by one.
#pragma once

#include <vector>

#include "runtime/graph/graph.h"

namespace tern::runtime {

// The index in the block of the operation that gives the value, or -1.
int giver_of(const Block& block, int value);

// The index in the block of the product that gives the value, if the product is exact (of an i8 operand), of
// one matrix and with the plain epilogue, and the value has one reader (readers[value] == 1, see
// count_readers); else -1.
int fusible_product(const Graph& graph, const Block& block, int value, const std::vector<int>& readers);

// Removes the values that no operation gives or reads any more.
void remove_unused_values(Graph& graph);

}  // namespace tern::runtime

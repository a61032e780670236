// What is wrong with a graph: everything that can be told without a model.
#pragma once

#include <vector>

#include "base/expected.h"
#include "runtime/graph/graph.h"

namespace tern::runtime {

// All faults, with the locations of their operations in the text if these are known: values that are read
// before they are given, operands and results of wrong kinds or widths, attributes that are missing, layers
// out of order. Where threads share the operations out, also what two threads would do to the same memory at
// once, and where values have slots, also values that are overwritten before they are read: see
// verify_sharing.
std::vector<Error> verify(const Graph& graph, const GraphLocations& locations = {});

// What two threads would do to the same memory at once, and values that are overwritten before they are read.
// Goes through the operations in the order in which the threads run them, each block of layers twice, and
// keeps what each buffer holds and which parts of it which units of work have touched since the threads last
// met. Precondition: verify finds nothing else wrong.
std::vector<Error> verify_sharing(const Graph& graph, const GraphLocations& locations = {});

}  // namespace tern::runtime

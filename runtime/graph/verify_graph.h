// What is wrong with a graph: everything that can be told without a model.
#pragma once

#include <vector>

#include "base/expected.h"
#include "runtime/graph/graph.h"

namespace tern::runtime {

// All faults, with the places of their operations if they are known: values that are not given before they
// are read, operands and results of wrong kinds or widths, attributes that are missing, layers out of order.
// Where threads share the operations out, also what two threads would do to the same memory at once, and
// where values have places, also values that are overwritten before they are read: see verify_sharing.
std::vector<Error> verify(const Graph& graph, const GraphPlaces& places = {});

// The second half of it. It runs through the graph in the order in which the threads do, each block of layers
// twice, and keeps what each buffer holds and who has touched it since the threads last met.
// Precondition: nothing else is wrong.
std::vector<Error> verify_sharing(const Graph& graph, const GraphPlaces& places = {});

}  // namespace tern::runtime

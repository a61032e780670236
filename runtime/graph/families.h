// The model families: what the name of an architecture in a file says of its graph. A new family is a file in
// runtime/graph/families/, a line here and a row of the table in families.cpp.
#pragma once

#include <span>
#include <string_view>

#include "runtime/graph/graph.h"

namespace tern::runtime {

// The file of each family.
Graph build_bitnet(const Hyperparameters& shape);

struct Architecture {
  std::string_view name;
  Graph (*build)(const Hyperparameters& shape);
  Activation activation;
  RopeStyle rope_style;
  bool sub_norms;  // a norm before the attention's output projection and one before the down projection
};

std::span<const Architecture> architectures();
const Architecture* find_architecture(std::string_view name);  // null if unknown

// The graph of any model that load_model accepts, as its family writes it: no pass has seen it.
Graph build_graph(const Hyperparameters& shape);

}  // namespace tern::runtime

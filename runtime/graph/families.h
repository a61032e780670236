// The model families: what the name of an architecture in a file says of its graph. A new family is a file in
// runtime/graph/families/ and a row of the table in families.cpp.
#pragma once

#include <span>
#include <string_view>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/graph/graph.h"

namespace tern::runtime {

struct Architecture {
  std::string_view name;
  Graph (*build)(const Hyperparameters& shape);
  Activation activation;
  RopeStyle rope_style;
  bool activations_per_token;  // trained with one scale for the i8 activations of a token, as BitNet b1.58 is
  bool sub_norms;  // a norm before the attention's output projection and one before the down projection
  // Changes what the row and the keys that all families share have made of a file, where files of this family
  // need it. Null: nothing is to change.
  Status (*refine)(const GgufFile& file, Hyperparameters& shape) = nullptr;
};

std::span<const Architecture> architectures();
const Architecture* find_architecture(std::string_view name);  // null if unknown

// The graph of any model that load_model accepts, as its family writes it: no pass has seen it.
Graph build_graph(const Hyperparameters& shape);

}  // namespace tern::runtime

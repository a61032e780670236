// The model families: what the name of an architecture in a file says of its graph. A new family is a file in
// runtime/graph/families/ and a line of the table in families.cpp.
#pragma once

#include <span>
#include <string_view>

#include "runtime/gguf/keys.h"
#include "runtime/graph/graph.h"

namespace tern::runtime {

struct Family {
  std::span<const std::string_view> names;  // of architectures, as files give them
  Graph (*build)(const Hyperparameters& shape);
  // Changes what the name of the architecture, shape.architecture, says where a file says nothing else: the
  // fields that Hyperparameters initialises.
  void (*set_defaults)(Hyperparameters& shape);
  // Reads what files of this family say beside the keys that all families share, which `shape` holds already.
  // Null: nothing.
  void (*read)(Keys& keys, Hyperparameters& shape) = nullptr;
  // The keys that `read` reads, and those of the family's that change no number; a key that is neither here
  // nor shared is refused (runtime/model/known_keys.h).
  std::span<const std::string_view> keys = {};
  bool activations_per_token = false;  // trained with one scale for the i8 activations of a token
  bool may_rotate = false;             // whether files may hold weights in turned coordinates: see rotation.h
};

// The keys of mixtures of experts, and what reads them.
inline constexpr std::string_view expert_keys[] = {"expert_count", "expert_used_count",
                                                   "expert_feed_forward_length"};
void read_experts(Keys& keys, Hyperparameters& shape);

std::span<const Family* const> families();
const Family* find_family(std::string_view architecture);  // null if unknown
// The names of all architectures, in the order of the families.
std::vector<std::string_view> architecture_names();

// The graph of any model that load_model accepts, as its family writes it: no pass has seen it.
Graph build_graph(const Hyperparameters& shape);

}  // namespace tern::runtime

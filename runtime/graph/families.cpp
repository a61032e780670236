#include "runtime/graph/families.h"

#include <cassert>

namespace tern::runtime {

// What the table needs of the files in runtime/graph/families/.
Graph build_bitnet(const Hyperparameters& shape);
Status refine_bitnet(const GgufFile& file, Hyperparameters& shape);

namespace {

constexpr Architecture table[] = {
    // BitNet b1.58 2B4T, and its first upload
    {"bitnet-b1.58", build_bitnet, Activation::squared_relu, RopeStyle::neox, true, true, refine_bitnet},
    {"bitnet-25", build_bitnet, Activation::squared_relu, RopeStyle::neox, true, true},
    // 1bitLLM's bitnet_b1_58-large and -3B
    {"bitnet", build_bitnet, Activation::silu, RopeStyle::neox, true, true},
};

}  // namespace

std::span<const Architecture> architectures() {
  return table;
}

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture& row : table) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

Graph build_graph(const Hyperparameters& shape) {
  const Architecture* architecture = find_architecture(shape.architecture);
  assert(architecture);
  return architecture->build(shape);
}

}  // namespace tern::runtime

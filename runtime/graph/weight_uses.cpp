#include "runtime/graph/weight_uses.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

namespace tern::runtime {
namespace {

WeightUse use_of(const Graph& graph, const Operation& operation, WeightRole role, int64_t layer) {
  assert(operation.weights.size() == 1 || operation.op == Op::delta_rule);
  const auto type = [&](int value) { return graph.values[static_cast<size_t>(value)].type; };
  const int64_t width = type(operation.results[0]).width;
  WeightUse use{role, layer, operation.op, false, 0, width};
  if (operation.op == Op::rms_norm) {
    use.n = 1;
    use.k = width / std::max<int64_t>(operation.heads, 1);
  }
  if (operation.op == Op::rope_angles) {
    use.n = 1;
    use.k = width / 2;
  }
  if (operation.op == Op::convolve) {
    use.n = width;
    use.k = operation.window;
  }
  if (operation.op == Op::delta_rule) {
    use.n = 1;
    use.k = operation.heads;
  }
  if (operation.op == Op::matmul || operation.op == Op::expert_matmul) {
    use.count = std::max<int64_t>(operation.experts, 1);
    const ValueType input = type(operation.operands[0]);
    use.is_quantized = input.kind == ValueKind::i8;
    use.n = width;
    use.k = input.width;
  }
  return use;
}

}  // namespace

std::vector<WeightUse> weight_uses(const Graph& graph) {
  std::vector<WeightUse> uses;
  std::set<std::pair<int64_t, WeightRole>> known;
  for (const Block& block : graph.blocks) {
    for (int64_t i = 0; i < std::max<int64_t>(block.layers, 1); ++i) {
      const int64_t layer = block.layers > 0 ? block.first_layer + i : -1;
      for (const Operation& operation : block.operations) {
        for (const WeightRole role : operation.weights) {
          if (known.emplace(layer, role).second) uses.push_back(use_of(graph, operation, role, layer));
        }
      }
    }
  }
  return uses;
}

}  // namespace tern::runtime

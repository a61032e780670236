#include "runtime/graph/graph.h"

#include <fmt/format.h>

#include <algorithm>

namespace tern::runtime {

std::optional<Op> op_named(std::string_view name) {
  for (const OpInfo& candidate : operations) {
    if (candidate.name == name) return candidate.op;
  }
  return std::nullopt;
}

std::optional<WeightRole> weight_role_named(std::string_view name) {
  for (const WeightRoleInfo& candidate : weight_roles) {
    if (candidate.name == name) return candidate.role;
  }
  return std::nullopt;
}

std::string tensor_prefix(WeightRole role, int64_t layer) {
  const std::string_view tensor = info(role).tensor;
  return layer < 0 ? std::string(tensor) : fmt::format("blk.{}.{}", layer, tensor);
}

std::string tensor_name(WeightRole role, int64_t layer) {
  return tensor_prefix(role, layer) + std::string(info(role).suffix);
}

int find_value(const Graph& graph, std::string_view name) {
  const auto found = std::ranges::find(graph.values, name, &Value::name);
  return found == graph.values.end() ? -1 : static_cast<int>(found - graph.values.begin());
}

std::vector<int> count_readers(const Graph& graph) {
  std::vector<int> readers(graph.values.size());
  for (const Block& block : graph.blocks) {
    for (const Carried& carried : block.carried) {
      ++readers[static_cast<size_t>(carried.initial)];
      ++readers[static_cast<size_t>(carried.next)];
    }
    for (const Operation& operation : block.operations) {
      for (const int operand : operation.operands) ++readers[static_cast<size_t>(operand)];
    }
  }
  ++readers[static_cast<size_t>(graph.logits)];
  return readers;
}

}  // namespace tern::runtime

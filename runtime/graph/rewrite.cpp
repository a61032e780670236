#include "runtime/graph/rewrite.h"

#include <algorithm>

namespace tern::runtime {

int giver_of(const Block& block, int value) {
  const auto found = std::ranges::find_if(block.operations, [&](const Operation& operation) {
    return std::ranges::find(operation.results, value) != operation.results.end();
  });
  return found == block.operations.end() ? -1 : static_cast<int>(found - block.operations.begin());
}

int fusible_product(const Graph& graph, const Block& block, int value, const std::vector<int>& readers) {
  const int index = giver_of(block, value);
  if (index < 0 || readers[static_cast<size_t>(value)] != 1) return -1;
  const Operation& product = block.operations[static_cast<size_t>(index)];
  const bool fusible = product.op == Op::matmul && product.results.size() == 1 &&
                       product.epilogue == ir::Epilogue::plain &&
                       graph.values[static_cast<size_t>(product.operands[0])].type.kind == ValueKind::i8;
  return fusible ? index : -1;
}

void remove_unused_values(Graph& graph) {
  std::vector<bool> given(graph.values.size());
  for (const Block& block : graph.blocks) {
    for (const Carried& carried : block.carried) given[static_cast<size_t>(carried.argument)] = true;
    for (const Operation& operation : block.operations) {
      for (const int result : operation.results) given[static_cast<size_t>(result)] = true;
    }
  }
  std::vector<int> index(graph.values.size());
  std::vector<Value> values;
  for (size_t i = 0; i < given.size(); ++i) {
    index[i] = static_cast<int>(values.size());
    if (given[i]) values.push_back(std::move(graph.values[i]));
  }
  const auto renumber = [&](int& value) { value = index[static_cast<size_t>(value)]; };
  for (Block& block : graph.blocks) {
    for (Carried& carried : block.carried) {
      renumber(carried.argument);
      renumber(carried.initial);
      renumber(carried.next);
    }
    for (Operation& operation : block.operations) {
      std::ranges::for_each(operation.operands, renumber);
      std::ranges::for_each(operation.results, renumber);
    }
  }
  renumber(graph.logits);
  graph.values = std::move(values);
}

}  // namespace tern::runtime

#include <algorithm>

#include "runtime/graph/passes.h"

namespace tern::runtime {
namespace {

bool is_plain_product(const Graph& graph, const Operation& operation) {
  return operation.op == Op::matmul && operation.epilogue == ir::Epilogue::plain &&
         graph.values[static_cast<size_t>(operation.operands[0])].type.kind == ValueKind::i8 &&
         graph.values[static_cast<size_t>(operation.results.back())].type.kind == ValueKind::f32;
}

// True if some operation reads results of both, element by element.
bool meet_in_one_operation(const Block& block, const Operation& a, const Operation& b) {
  const auto reads = [](const Operation& reader, const Operation& product) {
    for (size_t i = 0; i < reader.operands.size(); ++i) {
      if (info(reader.op).operands[i].own_elements && contains(info(reader.op).sharings, Sharing::columns) &&
          std::ranges::find(product.results, reader.operands[i]) != product.results.end())
        return true;
    }
    return false;
  };
  return std::ranges::any_of(block.operations, [&](const Operation& reader) {
    return (reads(reader, a) && reads(reader, b)) || (&reader == &a && reads(a, b)) ||
           (&reader == &b && reads(b, a));
  });
}

}  // namespace

void merge_projections(Graph& graph, const PassOptions&) {
  for (Block& block : graph.blocks) {
    for (size_t i = 0; i < block.operations.size(); ++i) {
      if (!is_plain_product(graph, block.operations[i])) continue;
      for (size_t j = i + 1; j < block.operations.size();) {
        Operation& first = block.operations[i];
        const Operation& other = block.operations[j];
        if (!is_plain_product(graph, other) || other.operands != first.operands ||
            meet_in_one_operation(block, first, other)) {
          ++j;
          continue;
        }
        first.results.insert(first.results.end(), other.results.begin(), other.results.end());
        first.weights.insert(first.weights.end(), other.weights.begin(), other.weights.end());
        block.operations.erase(block.operations.begin() + static_cast<std::ptrdiff_t>(j));
      }
    }
  }
}

}  // namespace tern::runtime

#include "runtime/graph/passes.h"
#include "runtime/graph/rewrite.h"

namespace tern::runtime {
namespace {

bool fuse_one(Graph& graph, Block& block) {
  const std::vector<int> readers = count_readers(graph);
  for (size_t i = 0; i < block.operations.size(); ++i) {
    const Operation gate = block.operations[i];
    if (gate.op != Op::gate || gate.function != Activation::squared_relu || gate.limit != 0) continue;
    const int index = fusible_product(graph, block, gate.operands[1], readers);
    if (index < 0) continue;
    Operation product = block.operations[static_cast<size_t>(index)];
    product.operands.push_back(gate.operands[0]);
    product.results = gate.results;
    product.epilogue = ir::Epilogue::gate;
    block.operations[i] = std::move(product);
    block.operations.erase(block.operations.begin() + index);
    return true;
  }
  return false;
}

}  // namespace

void fuse_gate(Graph& graph, const PassOptions&) {
  for (Block& block : graph.blocks) {
    while (fuse_one(graph, block)) {
    }
  }
  remove_unused_values(graph);
}

}  // namespace tern::runtime

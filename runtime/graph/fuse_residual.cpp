#include "runtime/graph/passes.h"
#include "runtime/graph/rewrite.h"

namespace tern::runtime {
namespace {

// h + product: the product replaces the sum. Addition rounds the same whichever operand is first.
bool fuse_one(Graph& graph, Block& block) {
  const std::vector<int> readers = count_readers(graph);
  for (size_t i = 0; i < block.operations.size(); ++i) {
    const Operation sum = block.operations[i];
    if (sum.op != Op::add || sum.factor != 1) continue;
    for (const size_t side : {1, 0}) {
      const int index = fusible_product(graph, block, sum.operands[side], readers);
      if (index < 0) continue;
      Operation product = block.operations[static_cast<size_t>(index)];
      product.operands.push_back(sum.operands[1 - side]);
      product.results = sum.results;
      product.epilogue = ir::Epilogue::residual;
      block.operations[i] = std::move(product);
      block.operations.erase(block.operations.begin() + index);
      return true;
    }
  }
  return false;
}

}  // namespace

void fuse_residual(Graph& graph, const PassOptions&) {
  for (Block& block : graph.blocks) {
    while (fuse_one(graph, block)) {
    }
  }
  remove_unused_values(graph);
}

}  // namespace tern::runtime

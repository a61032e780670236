#include "runtime/graph/passes.h"
#include "runtime/graph/rewrite.h"

namespace tern::runtime {
namespace {

bool fuse_one(Graph& graph, Block& block) {
  for (size_t i = 0; i < block.operations.size(); ++i) {
    const Operation quantize = block.operations[i];
    if (quantize.op != Op::quantize) continue;
    if (graph.values[static_cast<size_t>(quantize.results[0])].type.group != 0) continue;
    const int index = giver_of(block, quantize.operands[0]);
    if (index < 0) continue;
    Operation& product = block.operations[static_cast<size_t>(index)];
    const bool exact = product.op == Op::matmul && product.results.size() == 1 &&
                       graph.values[static_cast<size_t>(product.operands[0])].type.kind == ValueKind::i8;
    if (!exact) continue;
    product.results.push_back(quantize.results[0]);
    block.operations.erase(block.operations.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  return false;
}

}  // namespace

void fuse_quantize(Graph& graph, const PassOptions& options) {
  if (options.rows < options.threads * rows_to_share) return;
  for (Block& block : graph.blocks) {
    while (fuse_one(graph, block)) {
    }
  }
}

}  // namespace tern::runtime

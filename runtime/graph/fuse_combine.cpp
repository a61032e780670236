#include "runtime/graph/passes.h"
#include "runtime/graph/rewrite.h"

namespace tern::runtime {

void fuse_combine(Graph& graph, const PassOptions& options) {
  for (Block& block : graph.blocks) {
    for (size_t i = 0; i < block.operations.size(); ++i) {
      const Operation combine = block.operations[i];
      if (combine.op != Op::combine) continue;
      Operation& attend = block.operations[static_cast<size_t>(giver_of(block, combine.operands[0]))];
      const int64_t tasks = (options.rows + attention_rows - 1) / attention_rows * attend.kv_heads;
      if (options.threads > 1 && tasks < tasks_of_attention * options.threads) continue;
      attend.results = combine.results;
      block.operations.erase(block.operations.begin() + static_cast<std::ptrdiff_t>(i--));
    }
  }
  remove_unused_values(graph);
}

}  // namespace tern::runtime

#include <algorithm>

#include "runtime/graph/passes.h"
#include "runtime/graph/rewrite.h"

namespace tern::runtime {

void fuse_gather(Graph& graph, const PassOptions& options) {
  if (options.rows != 1) return;
  for (Block& block : graph.blocks) {
    for (size_t i = 0; i < block.operations.size(); ++i) {
      const Operation gather = block.operations[i];
      if (gather.op != Op::gather) continue;
      for (Operation& reader : block.operations)
        std::ranges::replace(reader.operands, gather.results[0], gather.operands[0]);
      block.operations.erase(block.operations.begin() + static_cast<std::ptrdiff_t>(i--));
    }
  }
  remove_unused_values(graph);
}

}  // namespace tern::runtime

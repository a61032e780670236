// BitNet b1.58: every projection is ternary, and a norm stands before each of those that end a block.
#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {

Graph build_bitnet(const Hyperparameters& shape) {
  GraphBuilder builder(shape);
  builder.begin_layers(shape.block_count);
  attention_block(builder);
  feed_forward_block(builder);
  builder.end_layers();
  return builder.finish();
}

}  // namespace tern::runtime

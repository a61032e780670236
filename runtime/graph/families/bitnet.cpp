// BitNet b1.58: every projection is ternary, and a norm stands before the last projection of a block.
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

// The converter of bitnet.cpp gives the name of 2B4T's architecture also to 1bitLLM's models, whose
// activation is SiLU. No key tells them apart, but their sizes and their SentencePiece vocabulary do.
Status refine_bitnet(const GgufFile& file, Hyperparameters& shape) {
  const auto tokenizer = get_string(file, "tokenizer.ggml.model");
  const bool is_one_bit_llm = (shape.block_count == 24 || shape.block_count == 26) &&
                              shape.vocabulary_size == 32002 && tokenizer && *tokenizer == "llama";
  if (is_one_bit_llm) shape.activation = Activation::silu;
  return {};
}

}  // namespace tern::runtime

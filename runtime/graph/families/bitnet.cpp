// BitNet b1.58: every projection is ternary, and a norm stands before the last projection of a block.
#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"bitnet-b1.58", "bitnet-25", "bitnet"};

void set_defaults(Hyperparameters& shape) {
  shape.sub_norms = true;
  if (shape.architecture == "bitnet") shape.activation = Activation::silu;
}

// Converters give each of the two names to models of both kinds, and no key tells the kinds apart but one
// that few files have (`hidden_activation`, which all families read). The sizes and the vocabulary do:
// 1bitLLM's models, whose activation is SiLU, have 24 or 26 layers and SentencePiece's 32002 tokens; 2B4T,
// whose activation is squared ReLU, has 30 layers of width 2560 and 128256 tokens of byte-level BPE.
void read(Keys& keys, Hyperparameters& shape) {
  const auto tokenizer = get_string(keys.file(), "tokenizer.ggml.model");
  const auto has_tokenizer = [&](std::string_view name) { return tokenizer && *tokenizer == name; };
  const bool is_one_bit_llm = (shape.block_count == 24 || shape.block_count == 26) &&
                              shape.vocabulary_size == 32002 && has_tokenizer("llama");
  const bool is_2b4t = shape.block_count == 30 && shape.embedding_length == 2560 &&
                       shape.vocabulary_size == 128256 && has_tokenizer("gpt2");
  if (is_one_bit_llm) shape.activation = Activation::silu;
  if (is_2b4t) shape.activation = Activation::squared_relu;
}

}  // namespace

extern const Family bitnet_family;
const Family bitnet_family = {names, build_decoder, set_defaults, read, {}, true};

}  // namespace tern::runtime

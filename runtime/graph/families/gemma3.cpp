// Gemma 3: norms before and after each block, a gate of GELU, and an embedding times the root of its width.
// BitNet's embedding model of this family has a norm for the input of each projection, too.
#include <cmath>

#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"gemma3"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::gelu;
  shape.head_norm = HeadNorm::before_rope;
  shape.post_norms = true;
}

// Without a window in the file every layer is a global one, as in files of BitNet's embedding model. Else
// five of six layers slide, and turn by a theta of their own.
void read(Keys& keys, Hyperparameters& shape) {
  shape.input_norms = keys.file().find_tensor("blk.0.attn_q_norm_in.weight") != nullptr;
  shape.embedding_scale = std::sqrt(static_cast<float>(shape.embedding_length));
  if (!keys.has("attention.sliding_window")) return;
  shape.window = keys.integer("attention.sliding_window", max_context);
  shape.rope_base_sliding = keys.number_or(10000, "rope.freq_base_swa", 1, 1e12);
  for (uint32_t i = 0; i < shape.block_count; ++i) shape.sliding.push_back(i % 6 != 5);
}

constexpr std::string_view own_keys[] = {"attention.sliding_window", "rope.freq_base_swa"};

}  // namespace

extern const Family gemma3_family;
const Family gemma3_family = {names, build_decoder, set_defaults, read, own_keys};

}  // namespace tern::runtime

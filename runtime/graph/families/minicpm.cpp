// MiniCPM: Llama with factors for the embedding, for what is added to the hidden state, and for the logits.
#include <cmath>

#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"minicpm"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::silu;
  shape.rope_style = RopeStyle::adjacent;
}

// Files of the first models say nothing of the factors, which then are those of the models' authors. The key
// of the logits holds what they are divided by.
void read(Keys& keys, Hyperparameters& shape) {
  const float depth = 1.4f / std::sqrt(static_cast<float>(shape.block_count));
  const float width = static_cast<float>(shape.embedding_length) / 256;
  shape.embedding_scale = keys.number_or(12, "embedding_scale", 1e-6, 1e6);
  shape.residual_scale = keys.number_or(depth, "residual_scale", 1e-6, 1e6);
  shape.logit_scale = 1 / keys.number_or(width, "logit_scale", 1e-6, 1e6);
}

constexpr std::string_view own_keys[] = {"embedding_scale", "residual_scale", "logit_scale"};

}  // namespace

extern const Family minicpm_family;
const Family minicpm_family = {names, build_decoder, set_defaults, read, own_keys};

}  // namespace tern::runtime

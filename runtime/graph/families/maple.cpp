// Maple: mixtures of experts with a limited gate; most layers slide and turn a part of each head, the others
// see all positions and turn nothing.
#include <fmt/format.h>

#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"maple"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::silu;
  shape.head_norm = HeadNorm::before_rope;
  shape.rope_in_global = false;
}

void read(Keys& keys, Hyperparameters& shape) {
  read_experts(keys, shape);
  shape.window = keys.integer("attention.sliding_window", max_context);
  shape.sliding = keys.booleans("attention.sliding_window_pattern");
  if (shape.sliding.size() != shape.block_count) {
    keys.complain(fmt::format("key '{}' has {} entries for {} layers",
                              keys.full("attention.sliding_window_pattern"), shape.sliding.size(),
                              shape.block_count));
    shape.sliding.clear();
  }
  shape.rope_base_sliding = keys.number_or(shape.rope_base, "rope.freq_base_swa", 1, 1e12);
  shape.gate_limit = keys.has("swiglu_clamp_exp") ? keys.same_number("swiglu_clamp_exp", 1e-3, 1e6) : 7;
}

constexpr std::string_view own_keys[] = {"expert_count",
                                         "expert_used_count",
                                         "expert_feed_forward_length",
                                         "attention.sliding_window",
                                         "attention.sliding_window_pattern",
                                         "rope.freq_base_swa",
                                         "swiglu_clamp_exp"};

}  // namespace

extern const Family maple_family;
const Family maple_family = {names, build_decoder, set_defaults, read, own_keys};

}  // namespace tern::runtime

// The shape of a model: the numbers that its file states, and what its architecture implies (the table of
// these is in runtime/graph/families.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph/weight_role.h"

namespace tern::runtime {

// The function of a gate: relu(x)^2; x / (1 + exp(-x)); GELU in the form with tanh; 1 / (1 + exp(-x))
// (runtime/math/float_ops.h).
enum class Activation { squared_relu, silu, gelu, sigmoid };
// How rotary embedding pairs the elements of a head of which d are turned: (i, i + d/2), or (2i, 2i + 1). The
// converters of llama.cpp permute the rows of Q and K of some architectures, so that pairs are adjacent.
enum class RopeStyle { neox, adjacent };
// Where queries and keys pass a norm of their own, over each head: nowhere, before or after they are turned.
enum class HeadNorm { none, before_rope, after_rope };

// What stands for a whole text: nothing that the file names, the mean over its tokens, or its last token.
enum class Pooling { unstated, mean, last };

// How the angles of rotary embedding differ from position * base^(-2i/d) radians for pair i.
struct RopeScaling {
  // What frequencies are divided by: those of all pairs or, where `context` is not 0, those of slow pairs,
  // with a ramp between (YaRN: see runtime/math/rope.h).
  float divisor = 1;
  uint32_t context = 0;  // tokens that the model was trained for before it was extended; 0: linear scaling
  float magnitude = 1;   // cosines and sines are multiplied by it, beside what YaRN does
  std::optional<WeightRole> divisors;  // a vector of d/2 numbers that divide the frequencies of their pairs
  bool operator==(const RopeScaling&) const = default;
};

std::string_view name_of(Activation activation);

// Matrices that hold W' = W (signs * H) in the place of W, H the Walsh-Hadamard transform of blocks of
// inputs: their products read H (signs * x). And an embedding whose rows are turned back, to signs * (H row).
struct Rotation {
  uint32_t block = 0;                           // numbers that are turned together; 0: nothing is turned
  std::vector<std::vector<WeightRole>> layers;  // by layer: the roles of such matrices, ascending
  bool head = false, embedding = false;
  // Whether the heads of a layer of Gated DeltaNet are put in another order before its last product: those
  // that read one key head side by side.
  bool groups_heads = false;
  std::map<uint32_t, std::vector<float>> factors;  // by width of a row: its signs / sqrt(block)
  bool is_rotated(WeightRole role, int64_t layer) const {
    if (block == 0) return false;
    if (layer < 0) return role == WeightRole::output && head;
    const std::vector<WeightRole>& roles = layers[static_cast<size_t>(layer)];
    return std::find(roles.begin(), roles.end(), role) != roles.end();
  }
  bool operator==(const Rotation&) const = default;
};

// Limits of a model's shape. Widths: 127 * 132104 < 2^24, so that every sum of int8 activations over a row
// is exact in f32. The others are far above what models have; they bound what a file can make us set aside.
constexpr uint32_t max_matrix_width = 131072, max_layers = 1024, max_heads = 4096, max_head_dimension = 1024;
constexpr uint32_t max_experts = 4096, max_convolution = 64;
constexpr uint32_t max_context = 1u << 24, max_vocabulary = 1u << 24;

// The shape of a model. In a Model, all counts are at least 1 and within the limits above; the floats are
// finite and positive.
struct Hyperparameters {
  std::string architecture;
  uint32_t vocabulary_size = 0;
  uint32_t context_length = 0;  // tokens that the model was trained for
  uint32_t embedding_length = 0;
  uint32_t block_count = 0;  // layers
  uint32_t feed_forward_length = 0;
  uint32_t head_count = 0;  // a multiple of head_count_kv
  uint32_t head_count_kv = 0;
  uint32_t head_dimension = 0;  // of queries, keys and values
  uint32_t rope_dimension = 0;  // even; the leading elements of a head that are rotated, the rest stay
  float rope_base = 0;          // theta
  float rms_epsilon = 0;
  Activation activation = Activation::squared_relu;
  RopeStyle rope_style = RopeStyle::neox;
  bool sub_norms = false;
  bool centered_norms = false;  // norms of whole rows subtract the mean first: LayerNorm
  bool gated = true;            // the feed-forward block: down(gate(gate, up)), or else down(activate(up))
  bool input_norms = false;     // a norm for each projection's input, beside that of its block
  bool post_norms = false;      // a norm before each addition to the hidden state
  HeadNorm head_norm = HeadNorm::none;
  RopeScaling rope_scaling;
  float embedding_scale = 1;  // rows of the embedding are multiplied by it
  float residual_scale = 1;   // what is added to the hidden state is multiplied by it
  float logit_scale = 1;      // logits are multiplied by it

  // Layers whose attention sees the last `window` positions alone, by layer; empty: none.
  std::vector<bool> sliding;
  uint32_t window = 0;
  float rope_base_sliding = 0;  // theta of these layers
  bool rope_in_global = true;   // whether the other layers turn queries and keys
  // Mixtures of experts. expert_count 0: none.
  uint32_t expert_count = 0, experts_used = 0, expert_feed_forward_length = 0;
  float gate_limit = 0;  // gate(min(g, limit), clamp(up, -limit, limit)); 0: no limit

  // Layers of Gated DeltaNet in the place of attention, by layer; empty: none. A token of theirs has
  // delta_key_heads queries and keys and delta_heads values, each delta_width numbers.
  std::vector<bool> recurrent;
  uint32_t delta_heads = 0;  // a multiple of delta_key_heads
  uint32_t delta_key_heads = 0, delta_width = 0;
  uint32_t delta_window = 0;  // tokens that their convolution sees
  bool output_gate = false;   // attention has a gate for what comes out, in the matrix of its queries
  WeightRole feed_forward_norm = WeightRole::feed_forward_norm;  // of the feed-forward block's input
  uint32_t spare_layers = 0;  // layers in the file, after the others, that are not run
  Rotation rotation;

  Pooling pooling = Pooling::unstated;
  bool tied_head = false;  // logits come from token_embedding; there is no output matrix
  // Activations of the layers that share a scale once they are quantised to i8; 0: those of a token.
  uint32_t activation_group = 0;
  // Whether they are not quantised at all.
  bool float_activations = false;
  // Activations of the head that share a scale once they are quantised to i8: products with the whole numbers
  // of the head are then summed exactly. 0: they stay f32, and sums are f32 in the order of the inputs.
  uint32_t head_group = 0;

  uint64_t query_length() const { return uint64_t{head_count} * head_dimension; }
  uint64_t key_value_length() const { return uint64_t{head_count_kv} * head_dimension; }
  bool is_sliding(int64_t layer) const { return !sliding.empty() && sliding[static_cast<size_t>(layer)]; }
  bool is_recurrent(int64_t layer) const {
    return !recurrent.empty() && recurrent[static_cast<size_t>(layer)];
  }
  // How many layers before this one remember in the same way: by pages of keys and values, or by a recurrent
  // state. For the number of layers: how many do so by pages.
  size_t memory_index(int64_t layer) const {
    const auto before = recurrent.begin() + std::min(layer, static_cast<int64_t>(recurrent.size()));
    const auto states = static_cast<size_t>(std::count(recurrent.begin(), before, true));
    const bool has_state = layer < int64_t{block_count} && is_recurrent(layer);
    return has_state ? states : static_cast<size_t>(layer) - states;
  }
  size_t recurrent_layers() const {
    return static_cast<size_t>(std::count(recurrent.begin(), recurrent.end(), true));
  }
  // What the convolution of a layer of Gated DeltaNet works on: queries, keys, values.
  uint64_t delta_channels() const { return (2 * uint64_t{delta_key_heads} + delta_heads) * delta_width; }
  uint64_t delta_length() const { return uint64_t{delta_heads} * delta_width; }
  // Numbers of a layer's recurrent state: the inputs of its convolution for the tokens before,
  // [delta_window - 1][delta_channels()], then a matrix [delta_width of keys][delta_width of values] for each
  // of delta_heads heads.
  uint64_t layer_state() const {
    return (uint64_t{delta_window} - 1) * delta_channels() + delta_length() * delta_width;
  }
  // Of all layers, one after the other.
  uint64_t state_size() const { return recurrent_layers() == 0 ? 0 : recurrent_layers() * layer_state(); }
  bool operator==(const Hyperparameters&) const = default;
};

}  // namespace tern::runtime

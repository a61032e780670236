// The shape of a model: the numbers that its file states, and what its architecture implies (the table of
// these is in runtime/graph/families.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tern::runtime {

enum class Activation { squared_relu, silu };
// How rotary embedding pairs the elements of a head of d: (i, i + d/2).
enum class RopeStyle { neox };

std::string_view name_of(Activation activation);

// Limits of a model's shape. Widths: 127 * 132104 < 2^24, so that every sum of int8 activations over a row
// is exact in f32. The others are far above what models have; they bound what a file can make us set aside.
constexpr uint32_t max_matrix_width = 131072, max_layers = 1024, max_heads = 4096, max_head_dimension = 1024;
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
  bool operator==(const Hyperparameters&) const = default;
};

}  // namespace tern::runtime

// Models with random weights: for measuring speed and testing formats without anyone's data. What they write
// is noise, but activations stay in the range of a trained model's.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// A model's architecture and shape. See Hyperparameters for the meaning of the numbers.
struct SynthShape {
  std::string_view name;          // a name of the shape, for --arch
  std::string_view architecture;  // one of architecture_names()
  uint32_t embedding_length = 0, block_count = 0, head_count = 0, head_count_kv = 0, head_dimension = 0;
  uint32_t feed_forward_length = 0, vocabulary_size = 0, context_length = 0;
  float rope_base = 0;
  float rms_epsilon = 1e-5f;
  bool untied_head = false;  // the head is a matrix of its own
  // Mixtures of experts; 0: none.
  uint32_t expert_count = 0, experts_used = 0, expert_feed_forward_length = 0;
  // The last positions that layers see, but for every fourth, which sees all; 0: all layers see all.
  uint32_t window = 0;
  // Gated DeltaNet in all layers but every fourth; 0 heads: none. RoPE then turns a quarter of a head.
  uint32_t delta_heads = 0, delta_key_heads = 0, delta_width = 0;
  bool ternary_gates = false;   // alpha and beta have the type of the layers' matrices, not BF16
  uint32_t rotation_block = 0;  // inputs of the matrices are turned in such blocks; 0: they are not
};

// The shapes that have names: those of published models, and some whose names begin with tiny, for trying
// things out.
std::span<const SynthShape> synth_shapes();
const SynthShape* find_synth_shape(std::string_view name);  // null if unknown

struct SynthOptions {
  uint64_t seed = 0;
  // The type of the embedding, which is also the head: one with rows.
  TensorType head = TensorType::f16;
  // The type of the layers' matrices: I2_S, or one that `can_be_synthesized`. Binary models have signs in
  // any.
  TensorType layers = TensorType::i2_s;
  // Told now and then how many of all bytes of weights are written; may be empty.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// Whether matrices of a layer can be written in a type: ternary ones.
bool can_be_synthesized(TensorType type);

// Writes a model that load_model accepts. Same shape, seed and types: same bytes, on any machine. A matrix
// has one scale in families whose training gives it one, in others each block has its own, as far as the type
// has blocks. A tensor's values depend on the seed and its name only. Errors: those of write_gguf, and a
// shape that cannot be: see load_model; the message says which number is at fault.
Status synthesize_model(const std::string& path, const SynthShape& shape, const SynthOptions& options);

}  // namespace tern::runtime

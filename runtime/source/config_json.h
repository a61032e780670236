// The config.json of a Hugging Face folder as GGUF's metadata.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "runtime/gguf/gguf_write.h"
#include "runtime/source/hf_family.h"
#include "runtime/source/ternary_weights.h"

namespace tern::runtime {

// What a config.json says.
struct HfConfig {
  const HfFamily* family = nullptr;
  // Keys of the model's architecture, in the order in which llama.cpp's converters write them.
  std::vector<std::pair<std::string, GgufValue>> metadata;
  uint32_t layers = 0, vocabulary_size = 0, head_dimension = 0;
  uint32_t experts = 0;  // of a layer; 0 where a family has none
  bool tied_head = false;
  // Whether float projections are masters, which every forward pass quantises, or weights as they are.
  bool masters = false;
  // What the scale of packed projections does; nothing where none may be packed.
  std::optional<ScaleRule> packed = ScaleRule::divide;
  std::vector<std::string> unconverted;  // parts of names of projections that stayed floats
  // What RoPE's angles are divided by, one number for each pair of elements; empty: nothing. In GGUF files
  // the tensor `rope_freqs.weight`.
  std::vector<float> rope_divisors;
};

// Errors, with the path in `file`: what parse_json refuses; a family that is not known; a key that is
// missing, of a wrong type or out of range; a key that may change what the model computes and is not known.
// Keys that are false or null pass, as they switch on nothing.
//
// Sources: transformers' configuration_*.py for the keys, its modeling_rope_utils.py for the scaling of RoPE,
// its integrations/bitnet.py and llama.cpp's conversion/ for the way of each family to GGUF.
Expected<HfConfig> read_config_json(std::string_view text, const std::string& file);

}  // namespace tern::runtime

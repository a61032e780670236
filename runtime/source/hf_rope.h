// Rotary embedding as a config.json states it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/gguf/gguf_write.h"
#include "runtime/source/config_reader.h"
#include "runtime/source/hf_family.h"

namespace tern::runtime {

struct HfRope {
  float base = 0;                                       // theta
  std::vector<std::pair<std::string, GgufValue>> keys;  // "rope.scaling.type" and its likes, without a prefix
  std::vector<float> divisors;                          // of angles, one a pair; empty: none
};

// Reads `rope_theta`, and `rope_scaling` or `rope_parameters`. `dimension` is the number of a head's elements
// that turn, `context` the length that YaRN takes as trained where the file does not say. Faults go to the
// reader.
HfRope read_hf_rope(ConfigReader& config, const HfFamily& family, uint32_t dimension, uint32_t context,
                    const std::string& file);

}  // namespace tern::runtime

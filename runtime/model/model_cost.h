// How large a model is and what a decoded token must read of it, as the file stores it.
#pragma once

#include <cstdint>

#include "runtime/model/model.h"

namespace tern::runtime {

// Weights, then bytes. A token reads all matrices of the layers, the head, the norms, one row of the
// embedding, and the keys and values of every token before it.
struct ModelCost {
  uint64_t ternary_weights = 0, head_weights = 0, norm_weights = 0;  // head: of head(), tied or not
  uint64_t layer_bytes = 0;                                          // I2_S codes
  uint64_t head_bytes = 0, embedding_row_bytes = 0, norm_bytes = 0;
  uint64_t key_value_bytes = 0;

  uint64_t token_bytes() const {
    return layer_bytes + head_bytes + embedding_row_bytes + norm_bytes + key_value_bytes;
  }
};

// context: tokens before the decoded one. Keys and values are counted as F16, the default.
ModelCost cost_of(const Model& model, uint32_t context);

}  // namespace tern::runtime

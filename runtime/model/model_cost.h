// How large a model is and what a decoded token must read of it, as the file stores it.
#pragma once

#include <cstdint>

#include "runtime/model/model.h"

namespace tern::runtime {

// Weights, then bytes. A token reads the matrices of the layers (of experts those that are chosen for it),
// the head, the norms, one row of the embedding, and the keys and values of the tokens that it sees; it reads
// and writes the recurrent state of layers that have one, which counts as keys and values.
struct ModelCost {
  // Of the layers' matrices, which may have other types than ternary ones; of head(), tied or not.
  uint64_t ternary_weights = 0, head_weights = 0, norm_weights = 0;
  uint64_t ternary_bytes = 0;                   // of all ternary_weights, as the file stores them
  uint64_t layer_weights = 0, layer_bytes = 0;  // what a token reads of these
  uint64_t head_bytes = 0, embedding_row_bytes = 0, norm_bytes = 0;
  uint64_t key_value_bytes = 0;

  uint64_t token_bytes() const {
    return layer_bytes + head_bytes + embedding_row_bytes + norm_bytes + key_value_bytes;
  }
};

// context: tokens before the decoded one. Keys and values are counted as F16, the default.
ModelCost cost_of(const Model& model, uint32_t context);

}  // namespace tern::runtime

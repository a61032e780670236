#include "runtime/model/model_cost.h"

#include <algorithm>

namespace tern::runtime {

ModelCost cost_of(const Model& model, uint32_t context) {
  const Hyperparameters& h = model.hyperparameters;
  ModelCost cost;
  const auto count_norms = [&](const Weights& weights) {
    for (const auto& [role, norm] : weights.norms) cost.norm_weights += norm.size();
  };
  count_norms(model.outside);
  for (const Weights& layer : model.layers) {
    for (const auto& [role, matrix] : layer.matrices) {
      // Of experts a token reads those that it uses.
      const uint64_t read = matrix.count > 1 ? h.experts_used : 1, size = uint64_t{matrix.n} * matrix.k;
      cost.ternary_weights += size * matrix.count;
      cost.ternary_bytes += matrix.data.size();
      cost.layer_weights += size * read;
      cost.layer_bytes += matrix.data.size() / matrix.count * read;
    }
    count_norms(layer);
  }
  cost.head_weights = uint64_t{model.head().n} * model.head().k;
  cost.head_bytes = model.head().data.size();
  cost.embedding_row_bytes = model.token_embedding().data.size() / model.token_embedding().n;
  cost.norm_bytes = cost.norm_weights * sizeof(float);  // as they are held in memory
  constexpr uint64_t f16_bytes = 2, keys_and_values = 2;
  for (uint32_t layer = 0; layer < h.block_count; ++layer) {
    if (h.is_recurrent(layer)) {  // read and written
      cost.key_value_bytes += 2 * sizeof(float) * h.layer_state();
      continue;
    }
    const uint64_t seen = h.is_sliding(layer) ? std::min(context, h.window) : context;
    cost.key_value_bytes += keys_and_values * f16_bytes * h.key_value_length() * seen;
  }
  return cost;
}

}  // namespace tern::runtime

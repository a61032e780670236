#include "runtime/execute/role_weights.h"

#include <cassert>

namespace tern::runtime {

const Tensor& matrix_of(const Model& model, WeightRole role, int64_t layer) {
  const auto of_layer = [&]() -> const Layer& { return model.layers[static_cast<size_t>(layer)]; };
  switch (role) {
    case WeightRole::token_embedding: return model.token_embedding;
    case WeightRole::query: return of_layer().query;
    case WeightRole::key: return of_layer().key;
    case WeightRole::value: return of_layer().value;
    case WeightRole::attention_output: return of_layer().attention_output;
    case WeightRole::gate: return of_layer().gate;
    case WeightRole::up: return of_layer().up;
    case WeightRole::down: return of_layer().down;
    case WeightRole::output: return model.head();
    case WeightRole::attention_norm:
    case WeightRole::attention_sub_norm:
    case WeightRole::feed_forward_norm:
    case WeightRole::feed_forward_sub_norm:
    case WeightRole::output_norm: break;
  }
  assert(false && "a norm is no matrix");
  return model.head();
}

const std::vector<float>& norm_of(const Model& model, WeightRole role, int64_t layer) {
  const auto of_layer = [&]() -> const Layer& { return model.layers[static_cast<size_t>(layer)]; };
  switch (role) {
    case WeightRole::attention_norm: return of_layer().attention_norm;
    case WeightRole::attention_sub_norm: return of_layer().attention_sub_norm;
    case WeightRole::feed_forward_norm: return of_layer().feed_forward_norm;
    case WeightRole::feed_forward_sub_norm: return of_layer().feed_forward_sub_norm;
    case WeightRole::output_norm: return model.output_norm;
    case WeightRole::token_embedding:
    case WeightRole::query:
    case WeightRole::key:
    case WeightRole::value:
    case WeightRole::attention_output:
    case WeightRole::gate:
    case WeightRole::up:
    case WeightRole::down:
    case WeightRole::output: break;
  }
  assert(false && "a matrix is no norm");
  return model.output_norm;
}

}  // namespace tern::runtime

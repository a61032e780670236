// The tensors of a model by their roles in its graph.
#pragma once

#include <vector>

#include "runtime/graph/weight_role.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// The matrix of a role that is no norm. `layer` counts for roles of layers alone.
const Tensor& matrix_of(const Model& model, WeightRole role, int64_t layer);

// The weights of a norm.
const std::vector<float>& norm_of(const Model& model, WeightRole role, int64_t layer);

}  // namespace tern::runtime

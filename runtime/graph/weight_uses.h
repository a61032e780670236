// Which weights a graph reads: what a file must hold for it.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/graph.h"

namespace tern::runtime {

struct WeightUse {
  WeightRole role = WeightRole::token_embedding;
  int64_t layer = -1;        // -1: of no layer
  Op op = Op::matmul;        // embed, rms_norm or matmul: what it is for
  bool is_quantized = true;  // of matmul: its operand is i8, so that the matrix must be whole numbers
  int64_t n = 0;  // outputs of a matrix, channels of a convolution; 1 for other vectors, and 0 for embed: as
                  // many as there are tokens
  int64_t k = 0;  // inputs of a matrix, tokens of a convolution, or the width of a norm
  int64_t count = 1;  // matrices in one tensor
};

// Each (role, layer) once, in the order of the operations, layer after layer. Precondition: no pass has
// joined products, so each operation names one role.
std::vector<WeightUse> weight_uses(const Graph& graph);

}  // namespace tern::runtime

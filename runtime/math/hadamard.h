// The Walsh-Hadamard transform of rows, in blocks: what weights that were trained in turned coordinates are
// multiplied with. Bits are the same on every CPU; see float_ops.h for the rules.
#pragma once

#include <cstddef>

#include "runtime/math/vector_level.h"

namespace tern::runtime {

struct HadamardOps {
  // out = H x for each block of `block` elements (a power of two that divides `size`), where
  // H[r][c] = (-1)^popcount(r AND c), Sylvester's order, without its factor 1 / sqrt(block). The order of
  // additions: for h = 1, 2, 4, ... block / 2, elements i without and i + h with the bit h in their index
  // become (a + b, a - b).
  // `before`, if it is not null, multiplies x[i], and `after` multiplies out[i]: signs, with the factor.
  // `out` may be `x`.
  void (*transform)(const float* x, const float* before, const float* after, size_t block, size_t size,
                    float* out);
};

// The code for the best instructions that this CPU has and `level` allows.
HadamardOps hadamard_ops(VectorLevel level);

}  // namespace tern::runtime

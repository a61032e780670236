// What is computed: C[m,n] = sum over k of A[m,k] * W[n,k], with the types and the scales.
#pragma once

#include <cstdint>

#include "ir/type.h"

namespace tern::ir {

// How the weights are scaled.
enum class Scaling : uint8_t {
  none,    // W is used as it is stored
  tensor,  // one f32 for the whole matrix
  group,   // one f32 for every `scale_group` consecutive inputs of each output
};

// One matrix product. m: tokens (rows of A), n: outputs (rows of W), k: inputs (the axis summed over).
//
// Two kinds exist:
// - ternary: W holds trits with one scale, each row of A is quantised to i8 by its largest magnitude
//   (s = 127 / max(|a|, 1e-5), round half to even), the sum is exact in i32, and
//   C = f32(sum) / s[m] * scale, in this order. Source: BitNet b1.58 (arXiv 2402.17764).
// - dense: W holds f16, bf16, f32 or i8 (i8: with a scale per group), A is f32, and the sum runs over k in
//   ascending order in f32, one rounding for each product and one for each sum, never fused.
struct Problem {
  int64_t m = 1;
  int64_t n = 1;
  int64_t k = 1;
  Element weight = Element::trit;
  Scaling scaling = Scaling::tensor;
  int64_t scale_group = 0;  // inputs a scale; 0 unless scaling is `group`

  bool is_ternary() const { return weight == Element::trit; }
  bool operator==(const Problem&) const = default;
};

// Rows of A are stored this far apart in elements: k rounded up, the rest zeros. All kernels agree on it, so
// matrices that read the same activations can share one quantised copy.
inline int64_t activation_stride(const Problem& problem) {
  return round_up(problem.k, 256);
}

// Rows of C are stored this far apart in elements; what lies past n is scratch that a kernel may overwrite.
inline int64_t output_stride(const Problem& problem) {
  return round_up(problem.n, 256);
}

}  // namespace tern::ir

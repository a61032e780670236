// What is computed: C[m,n] = sum over k of A[m,k] * W[n,k], with the types and the scales.
#pragma once

#include <cstdint>

#include "ir/type.h"

namespace tern::ir {

// How the weights are scaled.
enum class Scaling : uint8_t {
  none,    // W is used as it is stored
  tensor,  // one f32 for the whole matrix
  row,     // one f32 for each output
  group,   // one f32 for every `scale_group` consecutive inputs of each output
};

// One matrix product. m: tokens (rows of A), n: outputs (rows of W), k: inputs (the axis summed over).
//
// Two kinds exist:
// - ternary: W holds trits (or signs, trits that are never 0: the original BitNet) with one scale, or one an
// output, each row of A is quantised to i8 by its largest magnitude
//   (s = 127 / max(|a|, 1e-5), round half to even), the sum is exact in i32, and
//   C = f32(sum) / s[m] * scale, in this order. Source: BitNet b1.58 (arXiv 2402.17764), BitNet (2310.11453).
// - dense: W holds f16, bf16, f32, i8 or i4 (whole numbers: with a scale per group), A is f32, and the sum
// runs over k in
//   ascending order in f32, one rounding for each product and one for each sum, never fused.
struct Problem {
  int64_t m = 1;
  int64_t n = 1;
  int64_t k = 1;
  Element weight = Element::trit;
  Scaling scaling = Scaling::tensor;
  int64_t scale_group = 0;  // inputs a scale; 0 unless scaling is `group`

  bool is_ternary() const { return weight == Element::trit || weight == Element::sign; }
  bool operator==(const Problem&) const = default;
};

// Rows of activations and of outputs are stored this far apart in elements, whatever the kernel: so matrices
// that read the same activations can share one quantised copy, and outputs are the next matrix's inputs. The
// rest of a row has room for any packing's whole groups; zeros in A, scratch that a kernel may overwrite in
// C.
inline int64_t row_stride(int64_t elements) {
  return round_up(elements + 128, 256);
}
inline int64_t activation_stride(const Problem& problem) {
  return row_stride(problem.k);
}
inline int64_t output_stride(const Problem& problem) {
  return row_stride(problem.n);
}

}  // namespace tern::ir

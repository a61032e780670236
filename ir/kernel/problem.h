// What is computed: C[m,n] = sum over k of A[m,k] * W[n,k], with the types, the scales and the order of the
// sums.
#pragma once

#include <cstdint>

#include "ir/type.h"

namespace tern::ir {

// How the elements of an operand are scaled.
enum class Scaling : uint8_t {
  none,    // elements are the values
  tensor,  // one scale for the whole matrix
  row,     // one for each row: of W an output, of A a token
  group,   // one for every `group` consecutive inputs of each row; the last group may be shorter
};

// One of the two matrices that are multiplied. What an element stands for is scale * (element - zero_point).
struct Operand {
  Element element = Element::f32;
  Scaling scaling = Scaling::none;
  int64_t group = 0;             // inputs that share a scale; 0 unless scaling is `group`
  Element scale = Element::f32;  // f16 promises that every scale is a value of f16
  int64_t zero_point = 0;
  bool operator==(const Operand&) const = default;
};

// One matrix product. m: tokens (rows of A), n: outputs (rows of W), k: inputs (the axis summed over).
//
// Two kinds exist, told apart by the accumulator.
//
// Quantized: A is i8, W holds whole numbers (trit, sign, i2; i4 and i8 with a scale per group), both scaled.
// Sums of products are exact, in i32, the accumulator: one sum acc for all of k if neither operand is scaled
// by group, otherwise one sum acc[g] for each group of sum_group() inputs (the smaller of the two groups,
// which divides the other). Then, in f32, each operation rounded once and none fused, sums in ascending
// order:
//
//   term[g] = f32(acc[g]) * fine[g]
//   total = sum over G of (sum of term[g] over the groups g within group G) * coarse[G]
//   C = total / sa[m] * sw
//
// Factors are there only with the scaling that has them:
//   S[n,g]         W is scaled by group
//   da[m,g]        A is scaled by group
//   / sa[m]        A is scaled by row
//   * sw, * sw[n]  W is scaled by tensor, by row
// Where both operands are scaled by group, fine is the factor of the one with the smaller groups (of A where
// they are equal), coarse that of the other, and G its groups; where one is, there is no coarse and total is
// the sum over all of term[g]. So a sum of a larger group is scaled once, not once for each smaller one.
// Without groups this is C = f32(acc) / sa[m] * sw.
//
// A is quantised from f32 values a, row by row: sa[m] = 127 / max(|a|, 1e-5) over the row, and the i8 value
// is a * sa[m] rounded half to even. By group the maximum is over the group, and da[m,g] = max(|a|, 1e-5) /
// 127 is multiplied with, so that a group costs no division. Source of the formula without groups: BitNet
// b1.58 (arXiv 2402.17764), BitNet (2310.11453).
//
// Dense: W holds f16, bf16, f32, or i8 or i4 (whole numbers with a scale per group); A is f32 as it is, and
// so is the accumulator. The sum runs over k in ascending order, one rounding for each product and one for
// each sum, never fused. A scaled weight is rounded before it is multiplied with A.
struct Problem {
  int64_t m = 1;
  int64_t n = 1;
  int64_t k = 1;
  Operand a = {Element::i8, Scaling::row};
  Operand w = {Element::trit, Scaling::tensor};
  Element accumulator = Element::i32;

  // Whether sums of products are exact whole numbers.
  bool is_quantized() const { return accumulator == Element::i32; }

  // Whether an operand has a scale per group.
  bool is_grouped() const { return sum_group() != 0; }
  // The inputs of the smaller groups, and of the larger if both operands have groups; 0 if none has.
  int64_t sum_group() const {
    if (a.group == 0 || w.group == 0) return a.group + w.group;
    return a.group < w.group ? a.group : w.group;
  }
  int64_t outer_group() const { return a.group < w.group ? w.group : a.group; }
  // Whether both operands have groups.
  bool is_grouped_twice() const { return a.group != 0 && w.group != 0; }
  // Whether terms are scaled by da, the factors of A, before anything else is done with them.
  bool scales_terms_by_a() const { return a.group != 0 && (w.group == 0 || a.group <= w.group); }

  bool operator==(const Problem&) const = default;
};

// The problem for weights of a kind, with the activations and the accumulator that go with it: i8 scaled by
// row and i32 for trits, signs and i2, otherwise f32.
constexpr Problem matmul(int64_t m, int64_t n, int64_t k, const Operand& w) {
  const bool quantized = w.element == Element::trit || w.element == Element::sign || w.element == Element::i2;
  if (quantized) return {m, n, k, {Element::i8, Scaling::row}, w, Element::i32};
  return {m, n, k, {Element::f32, Scaling::none}, w, Element::f32};
}

// The same with exact sums for any weights that are whole numbers: A is i8, scaled by row, or by group of
// `activation_group` inputs unless that is 0.
constexpr Problem quantized_matmul(int64_t m, int64_t n, int64_t k, const Operand& w,
                                   int64_t activation_group = 0) {
  const Operand a = {Element::i8, activation_group == 0 ? Scaling::row : Scaling::group, activation_group};
  return {m, n, k, a, w, Element::i32};
}

// Weights of an element as models mostly have them: trits, signs and i2 with one scale, i8 and i4 with one
// for each group, floating-point ones with none.
constexpr Operand weights_of(Element element, int64_t group = 32) {
  switch (element) {
    case Element::trit:
    case Element::sign:
    case Element::i2: return {element, Scaling::tensor};
    case Element::i4:
    case Element::i8:
    case Element::u8:
    case Element::i16:
    case Element::i32: return {element, Scaling::group, group};
    case Element::f16:
    case Element::bf16:
    case Element::f32: break;
  }
  return {element, Scaling::none};
}

// Whether kernels of two problems can share packed weights and records of what is fast: m may differ, and so
// may whether W has one scale or one a row, which only the end of a kernel knows of.
constexpr bool same_shape(Problem a, const Problem& b) {
  const auto scaled_at_the_end = [](const Operand& w) {
    return w.scaling == Scaling::tensor || w.scaling == Scaling::row;
  };
  a.m = b.m;
  if (scaled_at_the_end(a.w) && scaled_at_the_end(b.w)) a.w.scaling = b.w.scaling;
  return a == b;
}

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
// Rows of what a quantized problem has for each group of `group` inputs of A, sums and scales, are this far
// apart.
inline int64_t group_stride(const Problem& problem, int64_t group) {
  return ceil_divide(activation_stride(problem), group);
}

}  // namespace tern::ir

// The parts of a forward pass that are not matrix products: norms, activation quantisation, gates, rotary
// embedding, 16-bit rows.
//
// The contract: every function gives the same bits on every CPU, and a row gives the same bits however its
// elements are divided among threads.
//   1. Multiplications and additions round separately (never fused); division and square root are the exact
//      IEEE ones; exp is ours (see vector_math-inl.h). Nothing here calls the C library's mathematics, which
//      picks its code by CPU.
//   2. A sum over a row of f32 has one order. Its elements are cut into blocks of sum_block, from the first
//      on; the last may be shorter. Within a block, element i goes to partial sum i % 32, in ascending i, and
//      the partial sums fold in halves: s[l] += s[l + 16] for l < 16, then s[l] += s[l + 8] for l < 8, and so
//      on down to s[0]. The sums of the blocks are then added in a fixed tree:
//        for (stride = 1; stride < blocks; stride *= 2)
//          for (i = 0; i + stride < blocks; i += 2 * stride) s[i] += s[i + stride];
//      Blocks are independent: any thread may sum any of them.
//   3. A maximum and a sum of integers have no order that matters. Elements otherwise never meet: an
//      element-wise function takes any range of a row, as pointers to the range's first elements and its
//      size.
// Functions named _row need the whole row. A function on ranges that needs a number which depends on the
// whole row takes it as a parameter and says so. The one exception to equal bits is which NaN comes out of an
// operation that makes one: only its being NaN is promised.
//
// Pointers need no alignment. `out` may be the same memory as an input; other overlap is not allowed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/math/vector_level.h"

namespace tern::runtime {

// Elements of a row that are summed together: see rule 2.
inline constexpr size_t sum_block = 256;

// Blocks of a row of `size` elements.
constexpr size_t sum_blocks(size_t size) {
  return (size + sum_block - 1) / sum_block;
}

// The sum of a row from the sums of all its blocks, by the tree of rule 2.
float fold_blocks(const float* sums, size_t blocks);

// r = 1 / sqrt(sum_of_squares / size + epsilon): what a norm multiplies a row by. Depends on the whole row.
float rms_norm_factor(float sum_of_squares, size_t size, float epsilon);

// The scale that quantises a row: s = 127 / max(max |x[i]|, 1e-5), or NaN where the row holds an infinity or
// a NaN: whatever is divided by it then is NaN too, so that the fault shows in the logits. `max_bits` is
// max_magnitude_bits of the whole row.
float quantize_scale(int32_t max_bits);

// What a group of quantised numbers is multiplied with: max(max |x[i]|, 1e-5) / 127, or NaN as above.
// `max_bits` is max_magnitude_bits of the group.
float group_scale(int32_t max_bits);

// The functions for one set of vector instructions: float_ops() chooses it.
struct FloatOps {
  const char* instructions;  // their name, such as "AVX2"

  // sums[b] = the sum of x[i] * x[i] over block b of a row, for first_block <= b < first_block + blocks. `x`
  // and `sums` point at the starts of the whole row, of `size` elements, and of its sums.
  void (*sum_of_squares_blocks)(const float* x, size_t first_block, size_t blocks, size_t size, float* sums);

  // sums[b] = the sum of x[i] over block b, as above.
  void (*sum_of_elements_blocks)(const float* x, size_t first_block, size_t blocks, size_t size, float* sums);

  // out[i] = x[i] - value for a range of `size` elements.
  void (*subtract)(const float* x, float value, size_t size, float* out);

  // out[i] = (x[i] * r) * weight[i] for a range of `size` elements. `r` is rms_norm_factor of the whole row.
  void (*rms_norm_range)(const float* x, const float* weight, float r, size_t size, float* out);

  // The bits of the largest |x[i]| of a range, as an integer: they are in the order of the magnitudes, with
  // infinity and then NaN above all numbers. A row's is the maximum of those of its ranges.
  int32_t (*max_magnitude_bits)(const float* x, size_t size);

  // out[i] = x[i] * scale rounded half to even (within -127 ... 127) for a range of `size` elements; zeros if
  // the scale is NaN. Returns the sum of out[]. `scale` is quantize_scale of the whole row; the row's sum is
  // the sum of those of its ranges.
  int32_t (*quantize_range)(const float* x, float scale, size_t size, int8_t* out);

  // out[i] = (r * r) * up[i], where r = max(gate[i], 0). A NaN stays one.
  void (*relu_squared_gate)(const float* gate, const float* up, size_t size, float* out);

  // out[i] = (gate[i] / (1 + exp(-gate[i]))) * up[i].
  void (*silu_gate)(const float* gate, const float* up, size_t size, float* out);

  // out[i] = (1 / (1 + exp(-gate[i]))) * up[i].
  void (*sigmoid_gate)(const float* gate, const float* up, size_t size, float* out);

  // As silu_gate, of a limited gate and up: g = min(gate[i], limit), u = min(max(up[i], -limit), limit);
  // out[i] = (g / (1 + exp(-g))) * u. A NaN stays one.
  void (*limited_silu_gate)(const float* gate, const float* up, float limit, size_t size, float* out);

  // GELU in the form with tanh, 0.5 g (1 + tanh(z)) = g / (1 + exp(-2 z)):
  //   z2 = (gate[i] * (1 + ((gate[i] * gate[i]) * 0.044715))) * (2 sqrt(2 / pi)),
  //   out[i] = (gate[i] / (1 + exp(-z2))) * up[i].
  void (*gelu_gate)(const float* gate, const float* up, size_t size, float* out);

  // x[i] += y[i].
  void (*add)(float* x, const float* y, size_t size);

  // x[i] += y[i] * factor.
  void (*add_scaled)(float* x, const float* y, float factor, size_t size);

  // x[i] *= factor.
  void (*scale)(float* x, float factor, size_t size);

  // Rotary embedding in place, on `heads` heads that lie side by side; heads are independent. For i < pairs,
  // with a = h[i] and b = h[i + pairs]:
  //   h[i] = a * cosine[i] - b * sine[i],   h[i + pairs] = b * cosine[i] + a * sine[i].
  // This is the NeoX pairing; elements from 2 * pairs on stay as they are. rope.h makes cosine and sine.
  void (*apply_rope)(float* first_head, size_t heads, size_t head_dimension, const float* cosine,
                     const float* sine, size_t pairs);

  // The same with adjacent pairs: a = h[2i] and b = h[2i + 1] in the place of h[i] and h[i + pairs].
  void (*apply_rope_adjacent)(float* first_head, size_t heads, size_t head_dimension, const float* cosine,
                              const float* sine, size_t pairs);

  // out[i] = exp(x[i]), to within 2 units in the last place. Below -87.33, where results would be
  // subnormal, 0; above 88.7228, infinity.
  void (*exponential)(const float* x, size_t size, float* out);

  // The same rounding as ir::f32_to_f16 and ir::f16_to_f32: to nearest, ties to even, infinite past 65504.
  void (*f32_to_f16_row)(const float* x, size_t size, uint16_t* out);
  void (*f16_to_f32_row)(const uint16_t* x, size_t size, float* out);

  // out[i] = x[i] - (sum of the row) / size, for a whole row.
  void center_row(const float* x, size_t size, float* out) const;

  // rms_norm_range over a whole row, with the factor of the row.
  void rms_norm_row(const float* x, const float* weight, float epsilon, size_t size, float* out) const;

  // Quantises a whole row: quantize_range with its quantize_scale, and zeros from `size` to `padded_size`.
  // Stores the sum of out[] in `sum` and returns the scale.
  float quantize_row(const float* x, size_t size, size_t padded_size, int8_t* out, int32_t& sum) const;

  // rms_norm_row and then quantize_row, for threads that each need the quantised row and compute it for
  // themselves rather than wait for each other. `scratch` takes the normed row, `size` floats, and may be
  // `x`.
  float norm_and_quantize_row(const float* x, const float* weight, float epsilon, size_t size,
                              size_t padded_size, float* scratch, int8_t* out, int32_t& sum) const;
};

// The functions for the best instructions that this CPU has and `level` allows.
const FloatOps& float_ops(VectorLevel level);

}  // namespace tern::runtime

// The parts of a forward pass that are not matrix products, one row at a time: norms, activation
// quantisation, gates, rotary embedding, 16-bit rows.
//
// Every function gives the same bits on every CPU. Three rules see to it:
//   1. Multiplications and additions round separately (never fused); division and square root are the exact
//      IEEE ones; exp is ours (see vector_math-inl.h). Nothing here calls the C library's mathematics, which
//      picks its code by CPU.
//   2. A sum over a row runs in one order whatever the vector width: element i goes to partial sum i % 32,
//      in ascending i, and then the partial sums fold in halves: s[l] += s[l + 16] for l < 16, then
//      s[l] += s[l + 8] for l < 8, and so on down to s[0].
//   3. Elements otherwise never meet. Rows are independent: callers share them out among threads at will.
// The one exception is which NaN comes out of an operation that makes one: only its being NaN is promised.
//
// Pointers need no alignment. `out` may be the same row as an input; other overlap is not allowed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tern::runtime {

// out[i] = (x[i] * r) * weight[i], where r = 1 / sqrt(mean(x[i] * x[i]) + epsilon), mean = sum / size.
void rms_norm(const float* x, const float* weight, float epsilon, size_t size, float* out);

// Quantises a row to 8 bits by its largest magnitude: s = 127 / max(max |x[i]|, 1e-5),
// out[i] = x[i] * s rounded half to even (within -127 ... 127), and zeros from `size` to `padded_size`.
// Stores the sum of out[] in `sum` and returns s. A row that holds a NaN or an infinity gives zeros and the
// scale NaN: whatever is divided by it then is NaN too, so that the fault shows in the logits.
float quantize_row(const float* x, size_t size, size_t padded_size, int8_t* out, int32_t& sum);

// out[i] = (r * r) * up[i], where r = max(gate[i], 0). A NaN stays one.
void relu_squared_gate(const float* gate, const float* up, size_t size, float* out);

// out[i] = (gate[i] / (1 + exp(-gate[i]))) * up[i].
void silu_gate(const float* gate, const float* up, size_t size, float* out);

// x[i] += y[i].
void add(float* x, const float* y, size_t size);

// x[i] *= factor.
void scale(float* x, float factor, size_t size);

// Rotary embedding in place, on `heads` heads that lie side by side in a row. For i < pairs, with a = h[i]
// and b = h[i + pairs]:
//   h[i] = a * cosine[i] - b * sine[i],   h[i + pairs] = b * cosine[i] + a * sine[i].
// This is the NeoX pairing; elements from 2 * pairs on stay as they are. rope.h makes cosine and sine.
void apply_rope(float* row, size_t heads, size_t head_dimension, const float* cosine, const float* sine,
                size_t pairs);

// out[i] = exp(x[i]), to within 2 units in the last place. Below -87.33, where results would be
// subnormal, 0; above 88.7228, infinity.
void exponential(const float* x, size_t size, float* out);

// The same rounding as ir::f32_to_f16 and ir::f16_to_f32: to nearest, ties to even, infinite past 65504.
void f32_to_f16_row(const float* x, size_t size, uint16_t* out);
void f16_to_f32_row(const uint16_t* x, size_t size, float* out);

}  // namespace tern::runtime

// Gated DeltaNet, a linear attention whose memory is a matrix for each head: the arithmetic of one token.
// Bits are the same on every CPU, whichever thread computes which columns: each number has one order of
// operations, with rounding as in float_ops.h.
//
// Source: Yang, Kautz, Hatamizadeh, "Gated Delta Networks" (arXiv 2412.06464), in the form of Qwen3.5.
#pragma once

#include <cstddef>

#include "runtime/math/vector_level.h"

namespace tern::runtime {

// What a head's memory is multiplied with before a token, and how much of the token's error it takes in:
//   decay = exp(softplus(alpha + bias) * rate),  strength = 1 / (1 + exp(-beta)),
// where softplus(x) = ln(1 + exp(x)), computed in double (runtime/math/portable_math.h) and rounded once.
struct DeltaGates {
  float decay = 0, strength = 0;
};
DeltaGates delta_gates(float alpha, float bias, float rate, float beta);

// Columns of the memory that are updated together: a unit of work.
inline constexpr size_t delta_columns = 64;

struct DeltaOps {
  // A causal convolution of each channel: out[i] = s / (1 + exp(-s)),
  //   s = ((taps[0][i] * weights[0][i]) + taps[1][i] * weights[1][i]) + ..., the oldest token first,
  // where row j of the weights is at weights + j * stride. `out` may be one of the taps.
  void (*convolve)(const float* const* taps, const float* weights, size_t stride, size_t count, size_t size,
                   float* out);

  // One token for `columns` columns of a head's memory M[keys][columns], whose rows are `stride` floats
  // apart:
  //   M[i][j] = M[i][j] * decay
  //   r[j]    = ((k[0] * M[0][j]) + k[1] * M[1][j]) + ...      in ascending i
  //   d[j]    = (v[j] - r[j]) * strength
  //   M[i][j] = M[i][j] + k[i] * d[j]
  //   out[j]  = ((q[0] * M[0][j]) + q[1] * M[1][j]) + ...      likewise, of the new M
  // Precondition: columns <= delta_columns.
  void (*update)(float* memory, size_t stride, size_t keys, size_t columns, const float* q, const float* k,
                 const float* v, DeltaGates gates, float* out);
};

// The code for the best instructions that this CPU has and `level` allows.
DeltaOps delta_ops(VectorLevel level);

}  // namespace tern::runtime

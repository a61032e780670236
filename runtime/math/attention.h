// Attention of a few query rows against what one key/value head has cached.
//
// Bits are the same on every CPU and do not depend on how many rows or heads share a call, because each
// query has one defined order of its own (queries share loads, never sums), with rounding as in float_ops.h:
//   score[p]  = (((q[0] * K[p][0]) + q[1] * K[p][1]) + ...) * scale          in ascending dimension
//   e[p]      = exp(score[p] - max(score))                                  for the positions it may see
//   total     = sum of e, in the order of float_ops.h
//   out[d]    = (((e[0] * V[0][d]) + e[1] * V[1][d]) + ...) / total          in ascending position
#pragma once

#include <cstddef>

#include "runtime/math/kv_cache.h"

namespace tern::runtime {

// Rows are consecutive tokens of one sequence. A row holds, side by side, the query heads that read this
// key/value head; outputs lie the same way.
struct AttentionRows {
  size_t rows = 1;
  size_t heads = 1;           // query heads that share the key/value head
  size_t query_stride = 0;    // floats from one row of queries to the next
  size_t output_stride = 0;   // floats from one row of outputs to the next
  size_t first_position = 0;  // of row 0; row r sees the positions 0 ... first_position + r
  float scale = 1.0f;         // 1 / sqrt(head dimension) in the models we know
};

// Floats of scratch that attention() needs where no row sees more than `positions` positions.
size_t attention_scratch_size(size_t head_dimension, size_t positions);

// `queries` and `output` point at the first of the sharing heads in row 0. They may be the same memory.
void attention(const CachedHead& cached, const AttentionRows& rows, const float* queries, float* output,
               float* scratch);

}  // namespace tern::runtime

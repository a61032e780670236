// Attention of a few query rows against what one key/value head has cached, in fixed blocks of positions.
//
// Bits are the same on every CPU, for every size of page, and do not depend on how many rows or heads share a
// call, nor on which thread computes which block: each query has one defined order of its own (queries share
// loads, never sums), with rounding as in float_ops.h. A block b is the positions b * attention_block up to
// the next block, as far as the query may see. Over its positions p:
// where a row that sees a window of w positions alone has e[p] = 0 for those before it, and leaves out the
// blocks that lie wholly before it:
//   score[p] = (((q[0] * K[p][0]) + q[1] * K[p][1]) + ...) * scale           in ascending dimension
//   m_b      = max score[p]
//   e[p]     = exp(score[p] - m_b)
//   t_b      = sum of e, in the order of float_ops.h: a block of positions is one sum_block
//   o_b[d]   = ((e[0] * V[0][d]) + e[1] * V[1][d]) + ...                     in ascending position
// The blocks are combined in ascending order. M, T and O[] start as those of the first block that the row
// sees, m_0, t_0 and o_0[] without a window; then, for the blocks after it:
//   M' = max(M, m_b),   f = exp(M - M'),   g = exp(m_b - M')
//   T = T * f + t_b * g,   O[d] = O[d] * f + o_b[d] * g,   M = M'
// and in the end out[d] = O[d] / T. A single block so needs no rescaling. A score that is not a number makes
// the outputs of its query NaN, and so does a block whose scores are all -infinity.
//
// Why 256 positions: few enough that 2048 positions of 5 heads make 40 tasks; many enough that a block of 128
// dimensions in f16 reads 128 KB for 4 queries, beside which the 2 KB of its results count for nothing.
#pragma once

#include <cstddef>

#include "runtime/math/float_ops.h"
#include "runtime/math/key_value_page.h"
#include "runtime/math/vector_level.h"

namespace tern::runtime {

inline constexpr size_t attention_block = 256;
static_assert(attention_block == sum_block && attention_block % key_block == 0);

// Blocks of a query that sees `positions` positions.
constexpr size_t attention_blocks(size_t positions) {
  return (positions + attention_block - 1) / attention_block;
}

// The first position that the row at `position` sees, if it sees `window` of them (0: all).
constexpr size_t first_seen(size_t position, size_t window) {
  return window == 0 || position < window ? 0 : position + 1 - window;
}

// Rows are consecutive tokens of one sequence. A row holds, side by side, the query heads that read this
// key/value head.
struct AttentionRows {
  size_t rows = 1;
  size_t heads = 1;           // query heads that share the key/value head
  size_t query_stride = 0;    // floats from one row of queries to the next
  size_t first_position = 0;  // of row 0; row r sees the positions up to first_position + r
  float scale = 1.0f;         // 1 / sqrt(head dimension) in the models we know
  size_t window = 0;          // how many positions a row sees, the last ones; 0: all
};

// Floats that hold m_b, t_b and o_b[] of one query: o_b first, padded to a multiple of 16, then m_b, t_b.
constexpr size_t attention_partial_size(size_t head_dimension) {
  return (head_dimension + 15) / 16 * 16 + 16;
}

// Floats of scratch that AttentionOps::block() and attend() need, each thread its own.
size_t attention_scratch_size(size_t head_dimension);

// Where AttentionOps::block() leaves its results: those of head h of row r at
// data + r * row_stride + h * head_stride, attention_partial_size() floats each.
struct AttentionPartials {
  float* data = nullptr;
  size_t row_stride = 0;  // floats
  size_t head_stride = 0;
};

struct AttentionCode;  // of one set of vector instructions

// Attention by one set of vector instructions: attention_ops() chooses it.
struct AttentionOps {
  const AttentionCode* code;

  // One task: block `block` for all rows and heads, which share what is read of the cache: its keys and
  // values come from memory once. Leaves alone the results of rows that do not see the block. `queries`
  // points at the first of the sharing heads in row 0.
  void block(const KeyValueHead& cached, const AttentionRows& rows, size_t block, const float* queries,
             const AttentionPartials& partials, float* scratch) const;

  // Combines the `blocks` partial results of one query (of those blocks that it sees), which lie
  // attention_partial_size() floats apart, in ascending order; head_dimension floats of output. Leaves the
  // partial results as they are.
  void combine(const float* partials, size_t blocks, size_t head_dimension, float* output) const;

  // Both, for all blocks of all rows and heads. Outputs lie as queries do, output_stride floats from one row
  // to the next; they may be the same memory.
  void attend(const KeyValueHead& cached, const AttentionRows& rows, const float* queries, float* output,
              size_t output_stride, float* scratch) const;
};

// The code for the best instructions that this CPU has and `level` allows.
AttentionOps attention_ops(VectorLevel level);

}  // namespace tern::runtime

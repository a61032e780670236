// What becomes of a sum at the end of a kernel.
#pragma once

#include <cstdint>

namespace tern::ir {

// With S the scaled sum, acc the exact one (see Problem), R and G f32 [m,n], P i32 [m,n], laid out like C;
// operations in this order, each rounded once:
enum class Epilogue : uint8_t {
  plain,     // C = S
  residual,  // C = R + S; R may be C itself
  gate,      // C = relu(G) * relu(G) * S
  // For a product whose k is divided between machines: each leaves the exact sums of its inputs, and the last
  // adds the others' sums P to its own. Not for problems with groups.
  sums,      // C = acc, i32
  add_sums,  // C = S of acc + P; P within -2^30 ... 2^30
};

// After it, a kernel may quantise the rows of C: what the next ternary product takes for A, asum and sa, with
// no step between. For each row of C, its n elements c, as Problem says of A:
//   sq = 127 / max(|c|, 1e-5),  Q = c * sq rounded half to even (within -127 ... 127),  qsum = the sum of Q.
// If an element is infinite or no number, all of Q is 0 and sq is NaN, and so is what is divided by it later.
// Q has the row_stride of n, and zeros up to it.

}  // namespace tern::ir

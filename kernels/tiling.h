// The sizes of tiles that a target's registers suggest.
#pragma once

#include <cstdint>

#include "targets/target.h"

namespace tern::kernels {

struct Tiling {
  int64_t lanes;                // outputs a vector
  int64_t block_vectors;        // vectors of outputs that lie together in memory
  int64_t row_tile;             // rows of A that share unpacked weights, when there are many rows
  int64_t row_vectors;          // vectors of outputs in that tile
  int64_t one_row_vectors = 0;  // vectors of outputs in a tile of one row; 0: all of a block
  bool unrolls_rows = true;     // whether that tile's steps of k are laid out, a block at a time
};

// Whether the target adds four products of bytes to an i32 lane with one instruction, on vectors of `bits`
// bits.
bool has_dot4(const targets::Target& target, int64_t bits);

// Tiles whose sums are in i32 lanes alone, and tiles that have a second register of i16 sums for each.
Tiling dot4_tiling(const targets::Target& target);
Tiling widening_tiling(const targets::Target& target);

}  // namespace tern::kernels

// Writes trits into a packed matrix: the inner loops of packing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/kernel/layout.h"

namespace tern::ir {

// Takes a few rows at a time: kernels want neighbouring outputs side by side, so that a row alone would touch
// a line of the cache for every few bytes.
class TritWriter {
 public:
  static constexpr int64_t max_rows = 16;

  // `bytes` is the whole matrix, of the size that LayoutMap gives.
  TritWriter(const Layout& layout, std::span<uint8_t> bytes, int64_t n, int64_t k);

  // How far apart rows of codes lie: there is room for the padding of whole blocks.
  int64_t stride() const { return stride_; }

  // Writes rows n_begin..n_begin+rows-1, at most max_rows, given as codes, trit + 1. Overwrites what is past
  // k in a row of `codes`.
  void write(int64_t n_begin, int64_t rows, uint8_t* codes) const;

 private:
  // A block is the groups of one output that are written together. It is 4 groups of g weights, where weight
  // i of group j is input 4 * i + j of the block; or 1 group, where weight i is input i.
  struct Blocks {
    int64_t inputs = 0;                         // of a block; 0 if the layout has no blocks
    std::vector<int64_t> offsets;               // in bytes
    int64_t byte_stride = 1, group_stride = 1;  // between bytes of a group, and between the groups
    bool numbers_are_codes = false;             // all entries of the table are their indices
    uint8_t codes[243] = {};                    // by the base-3 number of their trits
    // Writes the blocks of several rows, given where each begins.
    void (*write)(const Blocks& blocks, std::span<uint8_t* const> rows, const uint8_t* codes,
                  int64_t stride) = nullptr;
  };
  struct BlockWriters;

  void find_blocks(int groups);
  void find_steps();
  void write_steps(int64_t n, const uint8_t* codes) const;
  void write_one_by_one(int64_t n, const uint8_t* codes) const;

  Packing packing_;
  LayoutMap map_;
  std::span<uint8_t> bytes_;
  int64_t k_, stride_;
  Blocks blocks_;
  std::vector<int64_t> step_offsets_;  // in bytes, by k; empty where groups are not of several outputs
};

}  // namespace tern::ir

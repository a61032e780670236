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
  static constexpr int64_t most_rows = 16;

  // `bytes` is the whole matrix, of the size that LayoutMap gives.
  TritWriter(const Layout& layout, std::span<uint8_t> bytes, int64_t n, int64_t k);

  // How far apart rows of codes lie: there is room for the padding of whole words.
  int64_t stride() const { return stride_; }

  // Writes rows n_begin..n_begin+rows-1, at most most_rows, given as codes, trit + 1. Overwrites what is past
  // k in a row of `codes`.
  void write(int64_t n_begin, int64_t rows, uint8_t* codes) const;

 private:
  // Groups of one output that are written together: 4, of neighbouring inputs, with the next four inputs in
  // the next place of the same groups; or 1, of neighbouring inputs itself.
  struct Words {
    int64_t inputs = 0;                         // of a word; 0 if the layout has no words
    std::vector<int64_t> offsets;               // in bytes
    int64_t byte_stride = 1, group_stride = 1;  // between bytes of a group, and between the groups
    bool numbers_are_codes = false;             // all entries of the table are their indices
    uint8_t codes[243] = {};                    // by the base-3 number of their trits
    // Writes the words of several rows, given where each begins.
    void (*write)(const Words& words, std::span<uint8_t* const> rows, const uint8_t* codes,
                  int64_t stride) = nullptr;
  };
  struct WordWriters;

  void find_words(int groups);
  void find_steps();
  void write_steps(int64_t n, const uint8_t* codes) const;
  void write_one_by_one(int64_t n, const uint8_t* codes) const;

  Packing packing_;
  LayoutMap map_;
  std::span<uint8_t> bytes_;
  int64_t k_, stride_;
  Words words_;
  std::vector<int64_t> step_offsets_;  // in bytes, by k; empty where groups are not of several outputs
};

}  // namespace tern::ir

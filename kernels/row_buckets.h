// Numbers of rows that matrices get kernels for. A row is a token of a step. Whatever has a kernel, a number
// of threads or a measurement for each number of rows (the plan of a model, its threads, the tuner, records,
// live trials, bundles) takes the numbers from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tern::kernels {

// Decoding: up to this many rows a product waits for its weights for a good part of its time. Prefill: more
// rows, which arithmetic decides.
inline constexpr int64_t max_decode_rows = 16;
constexpr bool is_decode(int64_t rows) {
  return rows <= max_decode_rows;
}

// Rows of a step, where nobody asks for another number.
inline constexpr int64_t default_max_rows = 256;

// Ascending numbers of rows. A step runs the kernels of its bucket, which is the smallest with at least as
// many rows as the step has.
class RowBuckets {
 public:
  // 1, 2, 4, 8 ... below max_rows, and max_rows itself. Precondition: max_rows >= 1. How the default was
  // chosen: docs/tuning.md.
  static RowBuckets up_to(int64_t max_rows);

  // Precondition: at least one number, each at least 1 and larger than the one before.
  explicit RowBuckets(std::vector<int64_t> rows);

  std::span<const int64_t> rows() const { return rows_; }
  size_t size() const { return rows_.size(); }
  int64_t max() const { return rows_.back(); }
  // The bucket that a step of `rows` rows runs in, by its index and by its number of rows.
  // Precondition: 1 <= rows <= max().
  size_t index_for(int64_t rows) const;
  int64_t bucket_for(int64_t rows) const { return rows_[index_for(rows)]; }

  bool operator==(const RowBuckets&) const = default;

 private:
  std::vector<int64_t> rows_;
};

}  // namespace tern::kernels

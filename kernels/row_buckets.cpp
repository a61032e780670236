#include "kernels/row_buckets.h"

#include <algorithm>
#include <cassert>
#include <functional>

namespace tern::kernels {

RowBuckets RowBuckets::up_to(int64_t max_rows) {
  std::vector<int64_t> rows;
  for (int64_t next = 1; next < max_rows; next *= 2) rows.push_back(next);
  rows.push_back(max_rows);
  return RowBuckets(std::move(rows));
}

RowBuckets::RowBuckets(std::vector<int64_t> rows) : rows_(std::move(rows)) {
  assert(!rows_.empty() && rows_.front() >= 1);
  assert(std::ranges::adjacent_find(rows_, std::greater_equal()) == rows_.end());
}

size_t RowBuckets::index_for(int64_t rows) const {
  assert(rows >= 1 && rows <= max());
  return static_cast<size_t>(std::ranges::lower_bound(rows_, rows) - rows_.begin());
}

}  // namespace tern::kernels

#include "runtime/execute/grouped_product.h"

#include <algorithm>
#include <cassert>

#include "codegen/lower/lower.h"

namespace tern::runtime {
namespace {

// Calls visit(first, rows) for the parts of `rows` rows that one call computes each.
template <class Visit>
void for_each_call(const KernelSet& kernels, int64_t rows, Visit visit) {
  const int64_t most = kernels.buckets.max();
  for (int64_t first = 0; first < rows; first += most) visit(first, std::min(most, rows - first));
}

int64_t rows_worked_on(const KernelSet& kernels, int64_t rows) {
  return codegen::padded_rows(*kernels.kernel_for(rows).kernel);
}

// Where a thread's share begins in work of `total` units.
int64_t share_begin(int64_t total, size_t thread, size_t threads) {
  return total * static_cast<int64_t>(thread) / static_cast<int64_t>(threads);
}

}  // namespace

int64_t GroupedProduct::padded_rows(int64_t rows) const {
  int64_t padded = rows;
  for_each_call(*kernels, rows, [&](int64_t first, int64_t count) {
    padded = std::max(padded, first + rows_worked_on(*kernels, count));
  });
  return padded;
}

std::vector<RowRun> GroupedProduct::place(std::span<const int64_t> counts) const {
  assert(counts.size() == matrices.size());
  std::vector<RowRun> runs;
  int64_t row = 0;
  for (size_t matrix = 0; matrix < counts.size(); ++matrix) {
    if (counts[matrix] == 0) continue;
    runs.push_back({matrix, row, row, counts[matrix]});
    row += padded_rows(counts[matrix]);
  }
  return runs;
}

void GroupedProduct::run(std::span<const RowRun> runs, size_t thread, size_t threads) const {
  const int64_t columns = kernels->problem.n;
  int64_t total = 0;  // columns * rows of all calls
  for (const RowRun& run : runs)
    for_each_call(*kernels, run.rows,
                  [&](int64_t, int64_t rows) { total += columns * rows_worked_on(*kernels, rows); });
  const int64_t begin = share_begin(total, thread, threads), end = share_begin(total, thread + 1, threads);
  int64_t done = 0;  // of the calls before
  for (const RowRun& run : runs) {
    for_each_call(*kernels, run.rows, [&](int64_t first, int64_t rows) {
      const PlannedKernel& planned = kernels->kernel_for(rows);
      const int64_t weight = rows_worked_on(*kernels, rows), before = done;
      done += columns * weight;
      if (done <= begin || before >= end) return;
      const ParallelLoops loops(*planned.kernel);
      // A unit of columns is the thread's in whose share of the work it begins.
      const int64_t unit = loops.columns();
      const auto column_at = [&](int64_t work) {
        const int64_t units = ir::ceil_divide(std::max<int64_t>(work - before, 0), unit * weight);
        return static_cast<size_t>(std::min(units * unit, columns));
      };
      const ProductMemory& memory = matrices[run.matrix];
      const ir::Arguments arguments =
          memory.arguments(planned.code->program(), thread, {run.input_row + first, run.output_row + first});
      loops.call(*planned.code, arguments, {column_at(begin), column_at(end)},
                 {0, static_cast<size_t>(rows)});
    });
  }
}

}  // namespace tern::runtime

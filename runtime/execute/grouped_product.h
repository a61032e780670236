// Many small products in one: runs of rows, each multiplied with one of many matrices that is chosen when the
// step runs. Mixtures of experts are made of these: the rows of a run are the tokens that an expert was
// chosen for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/execute/plan.h"
#include "runtime/execute/product_step.h"

namespace tern::runtime {

// Consecutive rows that are multiplied with the same matrix. Runs may read the same rows, but not write them.
struct RowRun {
  size_t matrix = 0;       // index of GroupedProduct::matrices
  int64_t input_row = 0;   // the first row of the activations
  int64_t output_row = 0;  // the first row of the results
  int64_t rows = 0;
};

// Matrices of one shape in one layout, with kernels that multiply any of them.
struct GroupedProduct {
  const KernelSet* kernels = nullptr;   // each with its code
  std::vector<ProductMemory> matrices;  // equal but for what `packed` points at

  // Rows of results that a run of `rows` rows overwrites, its own first: a kernel works on whole tiles of
  // rows. As many rows of activations must exist from the run's first row on; the values of the rows past the
  // run's own are not used.
  int64_t padded_rows(int64_t rows) const;

  // Places the results of runs one after the other, each with room for its padded rows. counts[matrix] is the
  // number of rows multiplied with a matrix: 0 gives no run. Rows of activations lie as the results do.
  std::vector<RowRun> place(std::span<const int64_t> counts) const;

  // The share of a thread: the same bits whatever the number of threads. Threads share the columns of all
  // runs out by the rows that kernels work on, as if they were those of one product; a run of more rows than
  // the largest bucket is computed in several calls. Takes no memory.
  void run(std::span<const RowRun> runs, size_t thread, size_t threads) const;
};

}  // namespace tern::runtime

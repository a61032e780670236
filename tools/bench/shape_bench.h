// Products of one matrix shape over numbers of rows: how fast kernels are for some kinds of weights, each
// beside what memory and arithmetic of this machine allow.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/expected.h"
#include "base/statistics.h"
#include "ir/kernel/problem.h"
#include "runtime/session/tuned_kernels.h"
#include "tools/bench/weights_option.h"

namespace tern::tools {

struct ShapeBenchOptions {
  std::vector<ir::Problem> shapes;  // n and k count
  std::vector<int64_t> rows;
  std::vector<BenchWeights> weights;
  std::vector<size_t> threads;
  int rounds = 20;
  std::string target = "host";
  runtime::RecordOptions records;
};

// The time of one kind of product, and its ratio to that of the first of the weights in the same rounds.
struct Speed {
  double seconds = 0;  // of a call: the median
  Estimate ratio;
  double products_per_second = 0;  // m * n * k / seconds: weights, each counted once for each row
};

struct ShapeMeasurement {
  ir::Problem problem;
  size_t threads = 0;
  std::string weights;       // as the item of --weights names it
  std::string kernel;        // its recipe, or "tuned" and its packing
  int64_t packed_bytes = 0;  // of the matrix: weights and scales per group
  int rounds = 0;
  Speed memory, cache;       // weights come from memory, or from each core's own cache
  double bandwidth = 0;      // bytes a second that as many threads read
  double peak_products = 0;  // products a second that as many threads do on registers alone; 0: not known
  double of_bandwidth() const { return static_cast<double>(packed_bytes) / memory.seconds / bandwidth; }
  double of_peak(const Speed& speed) const { return speed.products_per_second / peak_products; }
};

struct ShapeBenchEvents {
  std::function<void(const ir::Problem& problem, size_t threads)> progress;
  std::function<bool()> stop;  // whether to end before the next round, with what is there
};

// For each shape, number of threads and number of rows it checks each kernel
// (autotune/measure/exact_check.h), and times the kernels of all weights in turn, round by round, from four
// places of their code in memory, which the rounds take in turn. A kernel bears the whole cost of its
// preparations. Bandwidth and peak are measured in the same run. Where it was stopped, products without three
// rounds are left out. Errors: there is no legal kernel for an item of the weights, a kernel is wrong, or
// there is not enough memory.
Expected<std::vector<ShapeMeasurement>> bench_shapes(const ShapeBenchOptions& options,
                                                     const ShapeBenchEvents& events);

}  // namespace tern::tools

// The operations of a graph, bound to memory and weights: each is a value with all that running it takes, and
// run(run, thread) does one thread's share of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "codegen/jit/compiled_kernel.h"
#include "ir/program/program.h"
#include "runtime/execute/step_run.h"
#include "runtime/graph/operation.h"
#include "runtime/math/rope.h"
#include "runtime/model/architecture.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// Rows of f32: one copy for all threads, or one for each.
struct FloatRows {
  float* data = nullptr;      // the first row's first number, of thread 0
  int64_t stride = 0;         // numbers from one row to the next
  int64_t thread_stride = 0;  // numbers from one thread's copy to the next; 0: all share one
  int64_t width = 0;

  float* row(int64_t index, size_t thread) const {
    return data + static_cast<int64_t>(thread) * thread_stride + index * stride;
  }
};

// Rows of i8, each with an f32 scale and an i32 sum, or with some for its groups of numbers: one copy for all
// threads, or one for each.
struct QuantizedRows {
  int8_t* data = nullptr;
  float* scales = nullptr;
  int32_t* sums = nullptr;
  int64_t stride = 0;
  int64_t thread_stride = 0;  // of data
  int64_t thread_rows = 0;    // of scales and sums
  int64_t width = 0;
  int64_t group = 0;  // numbers that share a scale, which then is multiplied with; 0: a row, which divides
  int64_t scale_stride = 1;  // scales from one row to the next
  int64_t sum_stride = 1;    // sums from one row to the next
};

// Columns that several operations share out among the threads in the same way, so that a thread reads only
// the columns that it has itself computed. A thread gets a whole number of units (the last may be shorter),
// and the unit is a multiple of the step of each kernel's parallel loop over n.
struct SharedColumns {
  int64_t columns = 0;
  int64_t unit = 1;
  std::vector<size_t> products;  // indices in the plan
  int64_t unit_in_trial = 1;     // during a trial: a multiple of the candidate's step too
};

struct EmbedStep {
  const Tensor* table;
  float factor;
  const float* factors;  // of RotateStep, to turn rows back
  size_t block;          // 0: rows stay as they are
  FloatRows output;
  void run(const StepRun& run, size_t thread) const;
};

struct AnglesStep {
  RopeAngles angles;
  FloatRows output;  // the cosines, then the sines
  void run(const StepRun& run, size_t thread) const;
};

struct CenterStep {
  Sharing sharing;
  FloatRows input, output;
  void run(const StepRun& run, size_t thread) const;
};

struct NormStep {
  Sharing sharing;
  FloatRows input, output;
  const float* weights;
  float epsilon;
  int64_t heads;  // 0: the row is normed as one
  void run(const StepRun& run, size_t thread) const;
};

// A program that prepares what kernels read of a quantised value (look-up tables), and its buffers: one set
// of them for each thread that has a copy of the value, or one for all threads.
struct BoundPreparation {
  codegen::CompiledKernel program;
  std::vector<ir::Arguments> arguments;
};

// Sums of groups of numbers, for kernels that sum up exactly group by group.
struct GroupSums {
  int64_t group = 0;
  int32_t* sums = nullptr;  // [row][stride]
  int64_t stride = 0;
};

struct QuantizeStep {
  Sharing sharing;
  FloatRows input;
  QuantizedRows output;
  std::vector<GroupSums> group_sums;
  std::vector<BoundPreparation> preparations;
  void run(const StepRun& run, size_t thread) const;
};

struct RopeStep {
  FloatRows input, angles, output;
  int64_t heads;
  RopeStyle pairs;
  void run(const StepRun& run, size_t thread) const;
};

struct StoreStep {
  FloatRows keys, values;
  size_t layer;
  int64_t heads;
  void run(const StepRun& run, size_t thread) const;
};

struct AttendStep {
  FloatRows queries;
  FloatRows output;  // if each task takes all positions, so that nothing is to be combined; else data is null
  size_t layer;
  int64_t heads, kv_heads;
  size_t window;  // 0: all positions
  void run(const StepRun& run, size_t thread) const;
};

struct CombineStep {
  Sharing sharing;
  FloatRows output;
  int64_t heads;
  size_t window;
  void run(const StepRun& run, size_t thread) const;
};

struct AddStep {
  FloatRows x, y, output;
  float factor;
  const SharedColumns* columns;
  void run(const StepRun& run, size_t thread) const;
};

struct GateStep {
  Activation function;
  float limit;  // 0: none
  FloatRows gate, up, output;
  const SharedColumns* columns;
  void run(const StepRun& run, size_t thread) const;
};

struct ActivateStep {
  Activation function;
  FloatRows input, output;
  const SharedColumns* columns;
  void run(const StepRun& run, size_t thread) const;
};

struct ScaleStep {
  FloatRows input, output;
  float factor;
  const SharedColumns* columns;
  void run(const StepRun& run, size_t thread) const;
};

struct SelectStep {
  Sharing sharing;
  FloatRows input, output;
  void run(const StepRun& run, size_t thread) const;
};

// Quantises a row as its type says: by row, or by group with the sums that kernels ask for; zeros past its
// end.
void quantize_one(const FloatOps& ops, const float* from, const QuantizedRows& output,
                  const std::vector<GroupSums>& group_sums, int64_t row, size_t thread);
// The sums of the groups of a quantised row.
void sum_groups(const QuantizedRows& rows, const std::vector<GroupSums>& group_sums, int64_t row,
                size_t thread);
// A gate: see runtime/math/float_ops.h. `limit` 0: none.
void apply_gate(const FloatOps& ops, Activation function, float limit, const float* gate, const float* up,
                size_t size, float* out);

// The rows that a thread computes: all if `sharing` is `each`, else its part of them.
Range rows_of(Sharing sharing, const StepRun& run, size_t thread);
// The columns that a thread computes.
Range columns_of(const SharedColumns& shared, const StepRun& run, size_t thread);
// Calls function(row, first head, number of heads) for a thread's part of run.count rows of `heads` heads.
// The heads of all rows are numbered row by row and split evenly, so operations with equal `heads` give a
// thread the same heads.
template <class Function>
void for_heads(const StepRun& run, int64_t heads, size_t thread, const Function& function) {
  const Range range = split(static_cast<size_t>(run.count * heads), thread, run.threads);
  auto next = static_cast<int64_t>(range.begin);
  const auto end = static_cast<int64_t>(range.end);
  while (next < end) {
    const int64_t row = next / heads, head = next % heads;
    const int64_t count = std::min(heads - head, end - next);
    function(row, head, count);
    next += count;
  }
}

}  // namespace tern::runtime

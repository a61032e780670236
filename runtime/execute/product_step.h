// A matrix product of a graph, bound to its kernel and to memory.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "codegen/jit/compiled_kernel.h"
#include "ir/kernel/schedule.h"
#include "ir/program/program.h"
#include "runtime/execute/bound_steps.h"
#include "runtime/execute/packed_weights.h"

namespace tern::runtime {

// What a preparation writes, row by row: one copy for all threads, or one for each thread.
struct PreparedBytes {
  std::byte* data = nullptr;
  int64_t thread_stride = 0;
  int64_t row_stride = 0;
};

// The rows that a call begins with: of its activations and what is prepared of them, and of its results and
// what an epilogue reads beside them.
struct FirstRows {
  int64_t input = 0, output = 0;
};

// The memory that a kernel of the product reads and writes.
struct ProductMemory {
  const PackedWeights* packed = nullptr;
  QuantizedRows quantized;  // A of a ternary product
  FloatRows dense;          // A of a dense product
  FloatRows other;          // R or G of the epilogue
  FloatRows output;         // C: all f32 results, side by side
  QuantizedRows quantized_output;
  std::map<ir::BufferRole, PreparedBytes> prepared;

  // The buffers of the program, in the order of its parameters, for one thread.
  ir::Arguments arguments(const ir::Program& program, size_t thread, const FirstRows& first = {}) const;
  // Whether each thread has copies of its own of what the product reads.
  bool is_per_thread() const { return quantized.thread_stride != 0 || dense.thread_stride != 0; }
};

// The loops over m and n whose iterations a kernel leaves to its caller, outermost first.
class ParallelLoops {
 public:
  explicit ParallelLoops(const ir::Kernel& kernel);

  // Outputs that one iteration of the loop over n computes; n, if there is no such loop.
  int64_t columns() const { return columns_; }

  // Rows that one iteration of the loop over m computes; m, if there is no such loop.
  int64_t rows() const { return rows_; }

  // Calls the kernel for a range of outputs and a range of rows, whose ends are multiples of columns() and
  // rows(), or n and m. Allocates no memory, and does nothing where a range is empty.
  void call(const codegen::CompiledKernel& kernel, std::span<void* const> arguments, const Range& columns,
            const Range& rows) const;

 private:
  struct Loop {
    ir::Axis axis;
    int64_t step;
  };
  std::array<Loop, 2> loops_{};
  size_t count_ = 0;
  int64_t columns_ = 0, rows_ = 0;
};

struct ProductStep {
  size_t product;  // index in the plan
  codegen::CompiledKernel kernel;
  ParallelLoops loops;
  std::vector<ir::Arguments> arguments;  // by thread if memory.is_per_thread(), else one
  ProductMemory memory;
  int64_t outputs;
  Sharing sharing;               // `columns` or `rows`
  const SharedColumns* columns;  // if other operations share out the same columns; else null
  void run(const StepRun& run, size_t thread) const;
};

}  // namespace tern::runtime

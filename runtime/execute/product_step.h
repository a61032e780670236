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

// Bytes that a preparation writes: one copy for all threads, or one for each.
struct PreparedBytes {
  std::byte* data = nullptr;
  int64_t thread_stride = 0;
};

// Where all that a kernel of the product reads and writes lies.
struct ProductMemory {
  const PackedWeights* packed = nullptr;
  QuantizedRows quantized;  // what a ternary product reads
  FloatRows dense;          // what any other reads
  FloatRows other;          // what the epilogue adds or gates with
  FloatRows output;         // of all its results that are f32
  QuantizedRows quantized_output;
  std::map<ir::BufferRole, PreparedBytes> prepared;

  // The pointers for one thread.
  ir::Arguments arguments(const ir::Program& program, size_t thread) const;
  // Whether threads have different pointers.
  bool is_per_thread() const { return quantized.thread_stride != 0 || dense.thread_stride != 0; }
};

// The loops over m and n whose iterations a kernel leaves to its caller, outermost first.
class ParallelLoops {
 public:
  explicit ParallelLoops(const ir::Kernel& kernel);

  // Outputs in one iteration of the loop over n; all, if there is none.
  int64_t columns() const { return columns_; }

  // Rows in one iteration of the loop over m; all, if there is none.
  int64_t rows() const { return rows_; }

  // Calls the kernel for a range of outputs and a range of rows. Their ends are whole iterations, or the ends
  // of all. Takes no memory, and does nothing where a range is empty.
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
  std::vector<ir::Arguments> arguments;  // for each thread, or one for all
  ProductMemory memory;
  int64_t outputs;
  Sharing sharing;               // by columns, or by rows
  const SharedColumns* columns;  // if other operations keep to the same ones; else null
  void run(const StepRun& run, size_t thread) const;
};

}  // namespace tern::runtime

// Which kernel multiplies which matrix: chosen, packed and compiled once for a model on a machine.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "runtime/execute/kernel_source.h"
#include "runtime/execute/packed_weights.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// A program that prepares what kernels read of their activations. Where the activations are the same, those
// of equal keys write the same.
struct Preparation {
  uint64_t key;  // codegen::hash of the program
  codegen::CompiledKernel program;
};

// A kernel for up to `rows` tokens.
struct PlannedKernel {
  int64_t rows;
  codegen::CompiledKernel kernel;
  std::vector<Preparation> preparations;  // in the order in which they run
};

// A matrix ready to be multiplied.
struct PlannedMatrix {
  const Tensor* tensor = nullptr;
  PackedWeights packed;
  std::vector<PlannedKernel> kernels;  // by ascending rows

  // The kernel for so many rows. Precondition: 1 <= rows <= the most the plan was made for.
  const PlannedKernel& kernel_for(int64_t rows) const;
};

// The numbers of rows that each matrix gets a kernel for: one token, a few, and as many as a step has.
std::vector<int64_t> planned_rows(int64_t most_rows);

struct PlanOptions {
  int64_t most_rows = 256;  // tokens that one step may have
  // Checks the values of each matrix before it is packed: for a model that was loaded without that.
  bool check_values = true;
};

class Plan {
 public:
  // Packs every matrix of the model and asks for the code of every distinct kernel once, sharing the work
  // among the threads. `model` must outlive the plan, unmoved; the pages of its file that were packed are
  // released. Errors: those of the source, kernels of one matrix that differ in their layouts, a
  // value that check_values refuses, not enough memory.
  static Expected<Plan> make(const Model& model, const KernelSource& source, ThreadPool& pool,
                             const PlanOptions& options);

  const PlannedMatrix& matrix(const Tensor& tensor) const { return matrices_.at(&tensor); }
  // Gives all matrices that pose the kernel's problem this kernel, and the one before back.
  // Preconditions: there are such; layouts are equal, padded_rows() are enough, it needs no preparations, and
  // no step is running.
  codegen::CompiledKernel replace(const codegen::CompiledKernel& kernel);
  int64_t most_rows() const { return most_rows_; }
  // For how many rows the kernel was made that multiplies so many of them.
  int64_t planned_rows_for(int64_t rows) const;
  // Rows that buffers of activations and outputs need so that every kernel may work on whole tiles.
  int64_t padded_rows() const { return padded_rows_; }
  size_t packed_bytes() const;  // of all matrices, scales included
  size_t packed_bytes_of(const Tensor& tensor) const;
  // Distinct kernels, for people to look at.
  std::vector<ir::Kernel> kernels() const;

 private:
  std::map<const Tensor*, PlannedMatrix> matrices_;
  int64_t most_rows_ = 0, padded_rows_ = 0;
};

}  // namespace tern::runtime

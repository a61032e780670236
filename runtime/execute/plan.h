// Which kernel multiplies which matrix with how many rows: chosen and packed once for a model on a machine,
// compiled when a step first needs it.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/row_buckets.h"
#include "runtime/execute/kernel_source.h"
#include "runtime/execute/packed_weights.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// The kernel of one bucket of rows.
struct PlannedKernel {
  int64_t rows = 0;  // of the bucket
  std::shared_ptr<const ir::Kernel> kernel;
  // The kernel's machine code, and that which builds the look-up tables that it reads, if any; not there
  // before Plan::prepare was asked for such a step.
  std::optional<codegen::CompiledKernel> code, tables;
};

// The kernels of all matrices that pose one problem, whatever its m: one for each bucket, in that order. They
// have one layout.
struct KernelSet {
  ir::Problem problem;  // of the largest bucket
  kernels::RowBuckets buckets;
  std::vector<PlannedKernel> kernels;
  bool is_head = false;  // multiplied with the rows whose logits are asked for, not with all of a step

  const PlannedKernel& kernel_for(int64_t rows) const { return kernels[buckets.index_for(rows)]; }
};

// A matrix ready to be multiplied.
struct PlannedMatrix {
  const Tensor* tensor = nullptr;
  PackedWeights packed;
  const KernelSet* set = nullptr;

  // The kernel for a product with `rows` rows. Precondition: 1 <= rows <= Plan::buckets().max().
  const PlannedKernel& kernel_for(int64_t rows) const { return set->kernel_for(rows); }
};

// How many rows a step multiplies with the matrices of layers, and with the head.
struct StepRows {
  int64_t layers = 1, head = 1;
};

struct PlanOptions {
  kernels::RowBuckets buckets = kernels::RowBuckets::up_to(kernels::default_max_rows);
  // Checks the values of each matrix before it is packed: for a model that was loaded without that.
  bool check_values = true;
};

class Plan {
 public:
  // Chooses a kernel of each problem and bucket, packs every matrix of the model, and makes the code of the
  // smallest and of the largest bucket, sharing the work among the threads. `model` must outlive the plan,
  // unmoved; the pages of its file that were packed are released. Errors: those of the source, kernels of one
  // matrix that differ in their layouts, a value that check_values refuses, not enough memory.
  static Expected<Plan> make(const Model& model, const KernelSource& source, ThreadPool& pool,
                             const PlanOptions& options);

  // Makes the code of the buckets that a step with these rows runs in, where it is not there yet, by all
  // threads of the pool. Where that fails, the bucket runs the next larger one's kernels from then on, and
  // failures() says why: the bits are the same, and the largest is always there. Precondition: no step is
  // running.
  void prepare(const StepRows& rows, ThreadPool& pool);
  const std::vector<Error>& failures() const { return failures_; }

  const PlannedMatrix& matrix(const Tensor& tensor) const { return matrices_.at(&tensor); }
  // Gives all matrices that pose the kernel's problem this kernel, and the one before back.
  // Preconditions: there are such; layouts are equal, padded_rows() are enough, it needs no preparations, and
  // no step is running.
  codegen::CompiledKernel replace(const codegen::CompiledKernel& kernel);
  const kernels::RowBuckets& buckets() const { return buckets_; }
  // Rows that buffers of activations and outputs need so that the kernels of every bucket, with code or
  // without, may work on whole tiles.
  int64_t padded_rows() const { return padded_rows_; }
  size_t packed_bytes() const;  // of all matrices, scales included
  size_t packed_bytes_of(const Tensor& tensor) const;
  // Distinct kernels of all buckets, for people to look at.
  std::vector<ir::Kernel> kernels() const;

 private:
  Plan(KernelSource source, kernels::RowBuckets buckets)
      : source_(std::move(source)), buckets_(std::move(buckets)) {}
  Expected<KernelSet*> set_for(const Tensor& tensor, bool is_head);
  std::vector<PlannedKernel*> without_code(const StepRows& rows) const;

  KernelSource source_;
  kernels::RowBuckets buckets_;
  std::vector<std::unique_ptr<KernelSet>> sets_;
  std::map<const Tensor*, PlannedMatrix> matrices_;
  int64_t padded_rows_ = 0;
  std::vector<Error> failures_;
};

}  // namespace tern::runtime

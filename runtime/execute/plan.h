// Which kernel computes which product with how many rows: chosen and packed once for a model on a machine,
// compiled when a step first needs it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/row_buckets.h"
#include "runtime/execute/kernel_source.h"
#include "runtime/execute/packed_weights.h"
#include "runtime/execute/product.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// A program that prepares what kernels read of their activations. Where the activations are the same, those
// of equal keys write the same.
struct Preparation {
  uint64_t key;  // codegen::hash of the program
  codegen::CompiledKernel program;
};

// The kernel of one bucket of rows.
struct PlannedKernel {
  int64_t rows = 0;  // of the bucket
  std::shared_ptr<const ir::Kernel> kernel;
  // The kernel's machine code; not there before Plan::prepare was asked for such a step.
  std::optional<codegen::CompiledKernel> code;
  std::vector<Preparation> preparations;  // with the code, in the order in which they run
};

// The kernels of all products that pose one problem, whatever its m, and end alike: one for each bucket, in
// that order. They have one layout.
struct KernelSet {
  ir::Problem problem;  // of the largest bucket
  ir::Epilogue epilogue = ir::Epilogue::plain;
  kernels::RowBuckets buckets;
  std::vector<PlannedKernel> kernels;
  bool is_head = false;  // see Product

  const PlannedKernel& kernel_for(int64_t rows) const { return kernels[buckets.index_for(rows)]; }
};

// A product ready to be computed.
struct PlannedProduct {
  Product product;
  PackedWeights packed;
  const KernelSet* set = nullptr;

  // The kernel for `rows` rows. Precondition: 1 <= rows <= Plan::buckets().max().
  const PlannedKernel& kernel_for(int64_t rows) const { return set->kernel_for(rows); }
  size_t packed_bytes() const { return packed.weights.size() + packed.scales.size(); }
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
  // Chooses a kernel for each problem and bucket and puts the epilogue of the product on it, packs every
  // matrix of the model, and makes the code of the smallest and of the largest bucket, sharing the work among
  // the threads. `model` must outlive the plan, unmoved; the pages of its file that were packed are released.
  // Errors: those of the source, kernels of one matrix that differ in their layouts, a choice that has an
  // epilogue, a value that check_values refuses, not enough memory.
  static Expected<Plan> make(const Model& model, const KernelSource& source, ThreadPool& pool,
                             const PlanOptions& options);

  // Makes the code of the buckets that a step with these rows runs in, where it is not there yet, by all
  // threads of the pool. Where that fails, the bucket runs the next larger one's kernels from then on, and
  // failures() says why: the bits are the same, and the largest is always there. Precondition: no step is
  // running.
  void prepare(const StepRows& rows, ThreadPool& pool);
  const std::vector<Error>& failures() const { return failures_; }

  // In the order of a step, as products_of gives them.
  std::span<const PlannedProduct> products() const { return products_; }
  // The index of the product of these roles; -1 as the layer of what is in no layer.
  // Precondition: there is one.
  size_t index_of(int64_t layer, const std::vector<WeightRole>& roles) const;

  // Gives all products that pose the problem of the kernels the one that ends as they do, and the kernels
  // from before back, in the order of `kernels`. Preconditions: the kernels differ in their epilogues alone,
  // and there is one for each product; layouts are equal, padded_rows() are enough, they need no
  // preparations, and no step is running.
  std::vector<codegen::CompiledKernel> replace(const std::vector<codegen::CompiledKernel>& kernels);
  // Changes whenever code that was there is replaced.
  int64_t version() const { return version_; }

  const kernels::RowBuckets& buckets() const { return buckets_; }
  // Rows that buffers of activations and outputs need so that the kernels of every bucket, with code or
  // without, may work on whole tiles; and so that those of buckets of at most `rows` rows may.
  int64_t padded_rows() const { return padded_rows_for(buckets_.max()); }
  int64_t padded_rows_for(int64_t rows) const;
  size_t packed_bytes() const;       // of all matrices, scales included
  size_t packed_head_bytes() const;  // of the head alone
  // Distinct kernels of all buckets, for people to look at.
  std::vector<ir::Kernel> kernels() const;

 private:
  Plan(KernelSource source, kernels::RowBuckets buckets)
      : source_(std::move(source)), buckets_(std::move(buckets)) {}
  Expected<KernelSet*> set_for(const Product& product);
  std::vector<PlannedKernel*> without_code(const StepRows& rows) const;

  KernelSource source_;
  kernels::RowBuckets buckets_;
  std::vector<std::unique_ptr<KernelSet>> sets_;
  std::vector<PlannedProduct> products_;
  int64_t version_ = 0;
  std::vector<Error> failures_;
};

}  // namespace tern::runtime

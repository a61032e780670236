// Which kernel computes which product with how many rows: chosen and packed once for a model on a machine,
// compiled when a step first needs it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/memory_supply.h"
#include "base/paged_memory.h"
#include "base/thread_pool.h"
#include "kernels/row_buckets.h"
#include "runtime/execute/kernel_source.h"
#include "runtime/execute/packed_weights.h"
#include "runtime/execute/product.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// A program that prepares what kernels read of their activations (look-up tables). Programs of equal keys
// write the same bytes for the same activations, so one of them is enough.
struct Preparation {
  uint64_t key;  // codegen::hash(program)
  codegen::CompiledKernel program;
};

// The kernel for one bucket of rows.
struct PlannedKernel {
  int64_t rows = 0;  // the bucket: the most rows that the kernel computes at once
  std::shared_ptr<const ir::Kernel> kernel;
  // The kernel's machine code; empty until Plan::prepare has compiled the bucket.
  std::optional<codegen::CompiledKernel> code;
  std::vector<Preparation> preparations;  // compiled with `code`; run before it, in this order
};

// The kernels of all products of one (n, k, kind of weights, epilogue): kernels[i] is for buckets.rows()[i].
// All have the same layout, so that the products' weights are packed once.
struct KernelSet {
  ir::Problem problem;  // with the m of the largest bucket
  ir::Epilogue epilogue = ir::Epilogue::plain;
  kernels::RowBuckets buckets;
  std::vector<PlannedKernel> kernels;
  bool is_head = false;    // see Product::is_head
  bool is_expert = false;  // of experts, whose numbers of rows are known when a step has chosen them

  const PlannedKernel& kernel_for(int64_t rows) const { return kernels[buckets.index_for(rows)]; }
};

// A product with its packed weights and its kernels.
struct PlannedProduct {
  Product product;
  PackedWeights packed;                // of one matrix
  std::vector<PackedWeights> experts;  // of a product of experts: of each
  const KernelSet* set = nullptr;

  // The kernel for `rows` rows. Precondition: 1 <= rows <= Plan::buckets().max().
  const PlannedKernel& kernel_for(int64_t rows) const { return set->kernel_for(rows); }
  size_t packed_bytes() const {
    size_t bytes = packed.weights.size() + packed.scales.size();
    for (const PackedWeights& each : experts) bytes += each.weights.size() + each.scales.size();
    return bytes;
  }
};

// The numbers of rows of a step.
struct StepRows {
  int64_t layers = 1;  // that the matrices of layers are multiplied with: all tokens
  int64_t head = 1;    // that the head is multiplied with: the tokens whose logits are asked for
};

struct PlanOptions {
  kernels::RowBuckets buckets = kernels::RowBuckets::up_to(kernels::default_max_rows);
  // Runs check_values (runtime/model/model.h) on each matrix before it is packed, for a model that was loaded
  // without it.
  bool check_values = true;
  // Where the packed weights take more than the machine or its control group has left, they lie in files of
  // `page_folder`, and `warn` is called with a sentence that gives both figures.
  MemorySupply supply;  // empty: there is enough
  std::filesystem::path page_folder = default_page_folder();
  std::function<void(const std::string& text)> warn;
};

class Plan {
 public:
  // Chooses a kernel for each problem and bucket, gives it the product's epilogue, packs every matrix of the
  // model, and compiles the kernels of the smallest and of the largest bucket; the threads share the work.
  // `model` must outlive the plan, unmoved; the pages of its file that were packed are released. Errors:
  // those of the source; two kernels of one matrix with different layouts; a chosen kernel with an epilogue
  // other than plain; a value that check_values refuses; not enough memory.
  static Expected<Plan> make(const Model& model, const KernelSource& source, ThreadPool& pool,
                             const PlanOptions& options);

  // Compiles the kernels of the buckets that a step of `rows` runs in, if they are not compiled yet, on all
  // threads of the pool. If compiling fails, failures() says why, and from then on the bucket uses the
  // kernels of the next larger one, which give the same bits; the largest bucket is compiled from the
  // beginning. Precondition: no step is running.
  void prepare(const StepRows& rows, ThreadPool& pool);
  const std::vector<Error>& failures() const { return failures_; }

  // In the order in which a step computes them: that of products_of.
  std::span<const PlannedProduct> products() const { return products_; }
  // The index in products() of the product with these layer and roles (Product::layer is -1 outside of
  // layers). Precondition: there is such a product.
  size_t index_of(int64_t layer, const std::vector<WeightRole>& roles) const;

  // Replaces, for each of `kernels`, the kernel of the products with its problem and its epilogue; returns
  // the replaced kernels in the order of `kernels`. Preconditions: the kernels differ in their epilogues
  // alone, and cover all epilogues of products with that problem; their layouts are those of the packed
  // weights; padded_rows() are enough for them; they need no preparations; no step is running.
  std::vector<codegen::CompiledKernel> replace(const std::vector<codegen::CompiledKernel>& kernels);
  // Changes whenever a compiled kernel is replaced by another.
  int64_t version() const { return version_; }

  const kernels::RowBuckets& buckets() const { return buckets_; }
  // The rows that buffers of activations and outputs must have, because kernels compute whole tiles of rows:
  // the maximum over the kernels of all buckets, compiled or not, and over those of the buckets up to `rows`
  // rows.
  int64_t padded_rows() const { return padded_rows_for(buckets_.max()); }
  int64_t padded_rows_for(int64_t rows) const;
  // The rows that values with rows for each of a token's `used` experts must have room for.
  int64_t expert_rows(int64_t used) const;
  // All matrices and their scales, each part from its first cache line.
  std::vector<std::span<const std::byte>> packed_memory() const;
  size_t packed_bytes() const;                 // of all matrices with their scales
  bool is_paged() const { return is_paged_; }  // the weights lie in files: see PlanOptions
  // Of all matrices that a token is multiplied with: of experts those of as many as it uses.
  size_t packed_token_bytes(int64_t experts_used) const;
  size_t packed_head_bytes() const;  // of the head with its scales
  // The distinct kernels of all buckets, for printing.
  std::vector<ir::Kernel> kernels() const;

 private:
  Plan(KernelSource source, kernels::RowBuckets buckets)
      : source_(std::move(source)), buckets_(std::move(buckets)) {}
  Expected<KernelSet*> set_for(const Product& product);
  Expected<WeightMemory> memory_for(size_t needed, const PlanOptions& options);
  std::vector<PlannedKernel*> without_code(const StepRows& rows) const;

  KernelSource source_;
  kernels::RowBuckets buckets_;
  std::vector<std::unique_ptr<KernelSet>> sets_;
  std::vector<PlannedProduct> products_;
  bool is_paged_ = false;
  int64_t version_ = 0;
  std::vector<Error> failures_;
};

}  // namespace tern::runtime

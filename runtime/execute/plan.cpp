#include "runtime/execute/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <mutex>
#include <optional>
#include <set>

#include "codegen/bundle/bundle.h"
#include "codegen/lower/lower.h"

namespace tern::runtime {
namespace {

// A piece of work that any thread may take.
using Task = std::function<Status()>;

// Runs tasks on all threads; the first error ends it.
Status run_tasks(ThreadPool& pool, const std::vector<Task>& tasks) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> first;
  std::atomic<bool> failed = false;
  pool.run([&](size_t) {
    for (size_t i = next++; i < tasks.size() && !failed; i = next++) {
      const Status status = tasks[i]();
      if (status) continue;
      const std::lock_guard lock(mutex);
      if (!first) first = status.error();
      failed = true;
    }
  });
  return first ? Status(*first) : Status();
}

// The code of distinct programs, gathered by several threads.
class Code {
 public:
  // Adds the task of providing it, by provide(source), if this is the first to ask for `key`.
  template <class Provider, class Source>
  void want(uint64_t key, const Provider& provide, const Source& source, std::vector<Task>& tasks) {
    if (!wanted_.insert(key).second) return;
    tasks.push_back([this, key, &provide, source]() -> Status {
      Expected<codegen::CompiledKernel> code = provide(source);
      if (!code) return code.error();
      const std::lock_guard lock(mutex_);
      code_.emplace(key, code.take());
      return {};
    });
  }
  const codegen::CompiledKernel& at(uint64_t key) const { return code_.at(key); }

 private:
  std::set<uint64_t> wanted_;
  std::mutex mutex_;
  std::map<uint64_t, codegen::CompiledKernel> code_;
};

// The kernels of one matrix, by ascending rows: decoding one token, a few, many.
Expected<std::vector<ir::Kernel>> kernels_of(const Tensor& tensor, const KernelChoice& choose,
                                             int64_t most_rows) {
  std::vector<ir::Kernel> kernels;
  for (int64_t rows : planned_rows(most_rows)) {
    Expected<ir::Kernel> kernel = choose(problem_of(tensor, rows));
    if (!kernel) return kernel.error();
    if (kernel->epilogue != ir::Epilogue::plain || kernel->quantizes_rows)
      return Error{
          fmt::format("kernel {} does more than the product of {}: what follows it has steps of its own",
                      kernel->name, tensor.name),
          {}};
    kernels.push_back(kernel.take());
    const ir::Kernel &first = kernels.front(), &last = kernels.back();
    if (last.weights != first.weights || last.scales != first.scales)
      return Error{fmt::format("kernels {} and {} cannot share the weights of {}: their layouts differ",
                               first.name, last.name, tensor.name),
                   {}};
  }
  return kernels;
}

constexpr int64_t rows_a_task = 1024;

}  // namespace

std::vector<int64_t> planned_rows(int64_t most_rows) {
  std::vector<int64_t> rows;
  for (int64_t candidate : {int64_t{1}, int64_t{4}, most_rows}) {
    if (candidate <= most_rows && (rows.empty() || candidate > rows.back())) rows.push_back(candidate);
  }
  return rows;
}

const PlannedKernel& PlannedMatrix::kernel_for(int64_t rows) const {
  for (const PlannedKernel& candidate : kernels) {
    if (rows <= candidate.rows) return candidate;
  }
  assert(false && "more rows than the plan was made for");
  return kernels.back();
}

Expected<Plan> Plan::make(const Model& model, const KernelSource& source, ThreadPool& pool,
                          const PlanOptions& options) {
  Plan plan;
  plan.most_rows_ = options.most_rows;
  const std::vector<const Tensor*> tensors = matrices(model);

  // Matrices of one shape and type share kernels, whatever their names; kernels share preparations.
  Code kernels_code, preparations_code;
  struct Slot {
    PlannedMatrix* matrix;
    size_t index;
    uint64_t kernel;
    std::vector<uint64_t> preparations;
  };
  std::vector<Slot> slots;
  std::vector<Task> checks, tasks;
  std::vector<std::unique_ptr<std::atomic<int64_t>>> rows_left;  // to be packed, by tensor

  for (const Tensor* tensor : tensors) {
    PlannedMatrix& matrix = plan.matrices_[tensor];
    matrix.tensor = tensor;
    const Expected<std::vector<ir::Kernel>> chosen = kernels_of(*tensor, source.choose, options.most_rows);
    if (!chosen) return chosen.error();
    const std::vector<ir::Kernel>& kernels = *chosen;
    for (const ir::Kernel& kernel : kernels) {
      plan.padded_rows_ = std::max(plan.padded_rows_, codegen::padded_rows(kernel));
      Slot slot{&matrix, matrix.kernels.size(), hash(kernel), {}};
      kernels_code.want(slot.kernel, source.provide, kernel, tasks);
      for (const ir::Program& preparation : codegen::preparations(kernel)) {
        slot.preparations.push_back(codegen::hash(preparation));
        preparations_code.want(slot.preparations.back(), source.provide_preparation, preparation, tasks);
      }
      slots.push_back(slot);
      matrix.kernels.push_back({kernel.problem.m, {}, {}});
    }
    Expected<PackedWeights> packed = allocate_packed(*tensor, kernels[0]);
    if (!packed) return packed.error();
    matrix.packed = packed.take();
    const int64_t step = ir::round_up(rows_a_task, packing_granularity(kernels[0]));
    const bool shared = tensor == &model.token_embedding;  // rows of it are still read for every token
    std::atomic<int64_t>* left = rows_left.emplace_back(new std::atomic<int64_t>(tensor->n)).get();
    if (options.check_values)
      checks.push_back([&model, tensor] { return check_values(*tensor, model.file.file.path()); });
    for (int64_t first = 0; first < tensor->n; first += step) {
      const int64_t end = std::min<int64_t>(first + step, tensor->n);
      tasks.push_back([&matrix, kernel = kernels[0], tensor, shared, left, first, end]() -> Status {
        pack_rows(*tensor, kernel, first, end, matrix.packed);
        if ((*left -= end - first) == 0 && !shared) release_mapped(tensor->data);
        return {};
      });
    }
  }
  for (const std::vector<Task>* phase : {&checks, &tasks}) {
    if (const Status status = run_tasks(pool, *phase); !status) return status.error();
  }
  for (const Slot& slot : slots) {
    PlannedKernel& planned = slot.matrix->kernels[slot.index];
    planned.kernel = kernels_code.at(slot.kernel);
    for (const uint64_t key : slot.preparations)
      planned.preparations.push_back({key, preparations_code.at(key)});
  }
  return plan;
}

codegen::CompiledKernel Plan::replace(const codegen::CompiledKernel& kernel) {
  codegen::CompiledKernel before;
  for (auto& [tensor, matrix] : matrices_) {
    for (PlannedKernel& planned : matrix.kernels) {
      if (planned.kernel.kernel().problem != kernel.kernel().problem) continue;
      before = std::exchange(planned.kernel, kernel);
      planned.preparations.clear();
    }
  }
  return before;
}

size_t Plan::packed_bytes_of(const Tensor& tensor) const {
  const PackedWeights& packed = matrix(tensor).packed;
  return packed.weights.size() + packed.scales.size();
}

int64_t Plan::planned_rows_for(int64_t rows) const {
  return matrices_.begin()->second.kernel_for(rows).rows;
}

size_t Plan::packed_bytes() const {
  size_t bytes = 0;
  for (const auto& [tensor, matrix] : matrices_)
    bytes += matrix.packed.weights.size() + matrix.packed.scales.size();
  return bytes;
}

std::vector<ir::Kernel> Plan::kernels() const {
  std::map<uint64_t, ir::Kernel> distinct;
  for (const auto& [tensor, matrix] : matrices_) {
    for (const PlannedKernel& planned : matrix.kernels)
      distinct.emplace(hash(planned.kernel.kernel()), planned.kernel.kernel());
  }
  std::vector<ir::Kernel> kernels;
  for (auto& [key, kernel] : distinct) kernels.push_back(std::move(kernel));
  return kernels;
}

}  // namespace tern::runtime

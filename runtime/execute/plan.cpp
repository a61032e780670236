#include "runtime/execute/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <iterator>
#include <mutex>
#include <utility>

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

// Makes the code of kernels that have none yet: each program once, for kernels share what builds their
// tables.
class CodeTasks {
 public:
  CodeTasks(const KernelSource& source, std::vector<PlannedKernel*> kernels) : kernels_(std::move(kernels)) {
    for (PlannedKernel* planned : kernels_) {
      add(hash(*planned->kernel), source.provide, *planned->kernel);
      table_keys_.emplace_back();
      if (planned->kernel->compute.strategy != ir::Strategy::lookup) continue;
      table_keys_.back() = codegen::hash(codegen::lower_tables(*planned->kernel));
      add(*table_keys_.back(), source.provide_tables, *planned->kernel);
    }
  }
  CodeTasks(const CodeTasks&) = delete;

  // To be run by any threads, once. They leave errors to take().
  std::vector<Task> tasks() {
    std::vector<Task> tasks;
    for (auto& [key, wanted] : programs_)
      tasks.push_back([program = &wanted]() -> Status {
        program->code.emplace((*program->provide)(*program->kernel));
        return {};
      });
    return tasks;
  }

  // Gives each kernel its code. By kernel: why it has none.
  std::vector<Status> take() {
    std::vector<Status> statuses;
    for (size_t i = 0; i < kernels_.size(); ++i) {
      const Expected<codegen::CompiledKernel>& code = *programs_.at(hash(*kernels_[i]->kernel)).code;
      const Expected<codegen::CompiledKernel>* tables =
          table_keys_[i] ? &*programs_.at(*table_keys_[i]).code : nullptr;
      statuses.push_back(!code                ? Status(code.error())
                         : tables && !*tables ? Status(tables->error())
                                              : Status());
      if (!statuses.back()) continue;
      kernels_[i]->code = *code;
      if (tables) kernels_[i]->tables = **tables;
    }
    return statuses;
  }

 private:
  struct Program {
    const codegen::KernelProvider* provide;
    const ir::Kernel* kernel;
    std::optional<Expected<codegen::CompiledKernel>> code;
  };
  void add(uint64_t key, const codegen::KernelProvider& provide, const ir::Kernel& kernel) {
    programs_.try_emplace(key, Program{&provide, &kernel, {}});
  }

  std::vector<PlannedKernel*> kernels_;
  std::vector<std::optional<uint64_t>> table_keys_;  // by kernel
  std::map<uint64_t, Program> programs_;
};

// The kernels of one problem, by bucket. `name` is that of a matrix.
Expected<std::vector<PlannedKernel>> kernels_of(ir::Problem problem, std::string_view name,
                                                const KernelChoice& choose,
                                                const kernels::RowBuckets& buckets) {
  std::vector<PlannedKernel> kernels;
  for (const int64_t rows : buckets.rows()) {
    problem.m = rows;
    Expected<ir::Kernel> kernel = choose(problem);
    if (!kernel) return kernel.error();
    if (kernel->epilogue != ir::Epilogue::plain || kernel->quantizes_rows)
      return Error{
          fmt::format("kernel {} does more than the product of {}: what follows it has steps of its own",
                      kernel->name, name),
          {}};
    kernels.push_back({rows, std::make_shared<const ir::Kernel>(kernel.take()), {}, {}});
    const ir::Kernel &first = *kernels.front().kernel, &last = *kernels.back().kernel;
    if (last.weights != first.weights || last.scales != first.scales)
      return Error{fmt::format("kernels {} and {} cannot share the weights of {}: their layouts differ",
                               first.name, last.name, name),
                   {}};
  }
  return kernels;
}

constexpr int64_t rows_a_task = 1024;

}  // namespace

// Matrices of one shape and type share kernels, whatever their names.
Expected<KernelSet*> Plan::set_for(const Tensor& tensor, bool is_head) {
  const ir::Problem problem = problem_of(tensor, buckets_.max());
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    if (set->is_head == is_head && set->problem == problem) return set.get();
  }
  Expected<std::vector<PlannedKernel>> kernels = kernels_of(problem, tensor.name, source_.choose, buckets_);
  if (!kernels) return kernels.error();
  for (const PlannedKernel& planned : *kernels)
    padded_rows_ = std::max(padded_rows_, codegen::padded_rows(*planned.kernel));
  sets_.push_back(std::make_unique<KernelSet>(KernelSet{problem, buckets_, kernels.take(), is_head}));
  return sets_.back().get();
}

std::vector<PlannedKernel*> Plan::without_code(const StepRows& rows) const {
  std::vector<PlannedKernel*> found;
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    PlannedKernel& planned = set->kernels[buckets_.index_for(set->is_head ? rows.head : rows.layers)];
    if (!planned.code) found.push_back(&planned);
  }
  return found;
}

Expected<Plan> Plan::make(const Model& model, const KernelSource& source, ThreadPool& pool,
                          const PlanOptions& options) {
  Plan plan(source, options.buckets);
  std::vector<Task> checks, packing;
  std::vector<std::unique_ptr<std::atomic<int64_t>>> rows_left;  // to be packed, by tensor
  for (const Tensor* tensor : matrices(model)) {
    const Expected<KernelSet*> set = plan.set_for(*tensor, tensor == &model.head());
    if (!set) return set.error();
    PlannedMatrix& matrix = plan.matrices_[tensor];
    matrix.tensor = tensor;
    matrix.set = *set;
    const ir::Kernel& kernel = *(*set)->kernels.front().kernel;
    Expected<PackedWeights> packed = allocate_packed(*tensor, kernel);
    if (!packed) return packed.error();
    matrix.packed = packed.take();
    const int64_t step = ir::round_up(rows_a_task, packing_granularity(kernel));
    const bool shared = tensor == &model.token_embedding;  // rows of it are still read for every token
    std::atomic<int64_t>* left = rows_left.emplace_back(new std::atomic<int64_t>(tensor->n)).get();
    if (options.check_values)
      checks.push_back([&model, tensor] { return check_values(*tensor, model.file.file.path()); });
    for (int64_t first = 0; first < tensor->n; first += step) {
      const int64_t end = std::min<int64_t>(first + step, tensor->n);
      packing.push_back([&matrix, &kernel, tensor, shared, left, first, end]() -> Status {
        pack_rows(*tensor, kernel, first, end, matrix.packed);
        if ((*left -= end - first) == 0 && !shared) release_mapped(tensor->data);
        return {};
      });
    }
  }
  std::vector<PlannedKernel*> first = plan.without_code({1, 1});
  const int64_t max_rows = plan.buckets_.max();
  if (plan.buckets_.size() > 1)
    std::ranges::copy(plan.without_code({max_rows, max_rows}), std::back_inserter(first));
  CodeTasks code(plan.source_, std::move(first));
  std::vector<Task> tasks = code.tasks();
  std::ranges::move(packing, std::back_inserter(tasks));
  for (const std::vector<Task>* phase : {&checks, &tasks}) {
    if (const Status status = run_tasks(pool, *phase); !status) return status.error();
  }
  for (const Status& status : code.take()) {
    if (!status) return status.error();
  }
  return plan;
}

void Plan::prepare(const StepRows& rows, ThreadPool& pool) {
  std::vector<PlannedKernel*> missing = without_code(rows);
  if (missing.empty()) return;
  CodeTasks code(source_, missing);
  [[maybe_unused]] const Status run = run_tasks(pool, code.tasks());
  assert(run);
  const std::vector<Status> statuses = code.take();
  if (std::ranges::all_of(statuses, [](const Status& status) { return static_cast<bool>(status); })) return;
  for (const Status& status : statuses) {
    if (!status) failures_.push_back(status.error());
  }
  // The next larger bucket, which may have code already.
  const auto larger = [&](int64_t of) {
    return of == buckets_.max() ? of : buckets_.rows()[buckets_.index_for(of) + 1];
  };
  prepare({larger(rows.layers), larger(rows.head)}, pool);
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    const size_t index = buckets_.index_for(set->is_head ? rows.head : rows.layers);
    PlannedKernel& planned = set->kernels[index];
    if (planned.code) continue;
    planned = set->kernels[index + 1];
    planned.rows = buckets_.rows()[index];
  }
}

codegen::CompiledKernel Plan::replace(const codegen::CompiledKernel& kernel) {
  codegen::CompiledKernel before;
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    for (PlannedKernel& planned : set->kernels) {
      if (planned.kernel->problem != kernel.kernel().problem || !planned.code) continue;
      before = *std::exchange(planned.code, kernel);
      planned.kernel = std::make_shared<const ir::Kernel>(kernel.kernel());
      planned.tables.reset();
    }
  }
  return before;
}

size_t Plan::packed_bytes_of(const Tensor& tensor) const {
  const PackedWeights& packed = matrix(tensor).packed;
  return packed.weights.size() + packed.scales.size();
}

size_t Plan::packed_bytes() const {
  size_t bytes = 0;
  for (const auto& [tensor, matrix] : matrices_)
    bytes += matrix.packed.weights.size() + matrix.packed.scales.size();
  return bytes;
}

std::vector<ir::Kernel> Plan::kernels() const {
  std::map<uint64_t, ir::Kernel> distinct;
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    for (const PlannedKernel& planned : set->kernels)
      distinct.emplace(hash(*planned.kernel), *planned.kernel);
  }
  std::vector<ir::Kernel> kernels;
  for (auto& [key, kernel] : distinct) kernels.push_back(std::move(kernel));
  return kernels;
}

}  // namespace tern::runtime

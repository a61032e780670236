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

// A piece of work for any thread.
using Task = std::function<Status()>;

// Packing reads the matrix again: until then the file need not be in memory beside what is packed.
Status check_and_release(const Tensor& matrix, const Model& model) {
  TERN_TRY(check_values(matrix, model.file.path()));
  model.file.release(matrix.data);
  return {};
}

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

// Compiles kernels and their preparations, which several kernels may share: each program once.
class CodeTasks {
 public:
  CodeTasks(const KernelSource& source, std::vector<PlannedKernel*> kernels) : kernels_(std::move(kernels)) {
    for (PlannedKernel* planned : kernels_) {
      add(hash(*planned->kernel), [&source, planned] { return source.provide(*planned->kernel); });
      preparations_.emplace_back();
      for (ir::Program& program : codegen::preparations(*planned->kernel)) {
        const uint64_t key = codegen::hash(program);
        preparations_.back().push_back(key);
        add(key, [&source, program = std::move(program)] { return source.provide_preparation(program); });
      }
    }
  }
  CodeTasks(const CodeTasks&) = delete;

  // The compilations. Each is to be run once, on any thread; errors are reported by assign_code().
  std::vector<Task> tasks() {
    std::vector<Task> tasks;
    for (auto& [key, wanted] : programs_)
      tasks.push_back([program = &wanted]() -> Status {
        program->code.emplace(program->provide());
        return {};
      });
    return tasks;
  }

  // Gives each kernel its code and its preparations, or none of them if one was not compiled. By kernel: the
  // error.
  std::vector<Status> assign_code() {
    std::vector<Status> statuses;
    for (size_t i = 0; i < kernels_.size(); ++i)
      statuses.push_back(assign_code(*kernels_[i], preparations_[i]));
    return statuses;
  }

 private:
  struct Program {
    std::function<Expected<codegen::CompiledKernel>()> provide;
    std::optional<Expected<codegen::CompiledKernel>> code;
  };

  void add(uint64_t key, std::function<Expected<codegen::CompiledKernel>()> provide) {
    programs_.try_emplace(key, Program{std::move(provide), {}});
  }

  Status assign_code(PlannedKernel& planned, const std::vector<uint64_t>& keys) {
    std::vector<Preparation> preparations;
    for (const uint64_t key : keys) {
      TERN_ASSIGN(codegen::CompiledKernel program, Expected(*programs_.at(key).code));
      preparations.push_back({key, std::move(program)});
    }
    TERN_ASSIGN(planned.code, Expected(*programs_.at(hash(*planned.kernel)).code));
    planned.preparations = std::move(preparations);
    return {};
  }

  std::vector<PlannedKernel*> kernels_;
  std::vector<std::vector<uint64_t>> preparations_;  // by kernel
  std::map<uint64_t, Program> programs_;             // by the hash of a kernel or of a program
};

// The kernels of a product, by bucket.
Expected<std::vector<PlannedKernel>> kernels_of(const Product& product, const KernelChoice& choose,
                                                const kernels::RowBuckets& buckets) {
  std::vector<PlannedKernel> kernels;
  for (const int64_t rows : buckets.rows()) {
    TERN_ASSIGN(ir::Kernel kernel, choose(problem_of(product, rows)));
    if (kernel.epilogue != ir::Epilogue::plain || kernel.quantizes_rows)
      return Error{fmt::format("kernel {} does more than the product of {}: the graph says what follows it",
                               kernel.name, name_of(product)),
                   {}};
    kernels.push_back(
        {rows, std::make_shared<const ir::Kernel>(with_epilogue_of(product, std::move(kernel))), {}, {}});
    const ir::Kernel &first = *kernels.front().kernel, &last = *kernels.back().kernel;
    if (last.weights != first.weights || last.scales != first.scales)
      return Error{fmt::format("kernels {} and {} cannot share the weights of {}: their layouts differ",
                               first.name, last.name, name_of(product)),
                   {}};
  }
  return kernels;
}

constexpr int64_t rows_a_task = 1024;

}  // namespace

// Products of one problem and epilogue share kernels, whatever their names.
Expected<KernelSet*> Plan::set_for(const Product& product) {
  const ir::Problem problem = problem_of(product, buckets_.max());
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    if (set->is_head == product.is_head && set->is_expert == (product.experts > 0) &&
        set->problem == problem && set->epilogue == product.epilogue)
      return set.get();
  }
  TERN_ASSIGN(std::vector<PlannedKernel> kernels, kernels_of(product, source_.choose, buckets_));
  for (const PlannedKernel& planned : kernels) {
    if (product.experts > 0 && !codegen::preparations(*planned.kernel).empty())
      return Error{
          fmt::format("kernel {} reads what another program prepares, which products of experts like {} "
                      "do not do",
                      planned.kernel->name, name_of(product)),
          {}};
  }
  sets_.push_back(std::make_unique<KernelSet>(KernelSet{
      problem, product.epilogue, buckets_, std::move(kernels), product.is_head, product.experts > 0}));
  return sets_.back().get();
}

std::vector<PlannedKernel*> Plan::without_code(const StepRows& rows) const {
  std::vector<PlannedKernel*> found;
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    const size_t last = buckets_.index_for(set->is_head ? rows.head : rows.layers);
    // Of experts each may get any number of the step's rows.
    for (size_t i = set->is_expert ? 0 : last; i <= last; ++i) {
      if (!set->kernels[i].code) found.push_back(&set->kernels[i]);
    }
  }
  return found;
}

// Memory for weights that take `needed` bytes. Files of pages help where memory is short, not where addresses
// are, which they take as well.
Expected<WeightMemory> Plan::memory_for(size_t needed, const PlanOptions& options) {
  const uint64_t left = options.supply.memory();
  const auto gigabytes = [](uint64_t bytes) { return static_cast<double>(bytes) / 1e9; };
  if (needed + needed / 16 <= left) return WeightMemory();  // keys, values and activations need some, too
  is_paged_ = true;
  if (options.warn)
    options.warn(fmt::format(
        "the weights take {:.2f} GB, and {:.2f} GB are left {}: they lie in files in {} and are "
        "read from there as they are needed, so that a token takes as long as the disk",
        gigabytes(needed), gigabytes(left), options.supply.where(), options.page_folder.string()));
  return WeightMemory(options.page_folder);
}

Expected<Plan> Plan::make(const Model& model, const KernelSource& source, ThreadPool& pool,
                          const PlanOptions& options) {
  Plan plan(source, options.buckets);
  std::vector<Task> checks, packing;
  std::vector<std::unique_ptr<std::atomic<int64_t>>> rows_left;  // to be packed, by product
  size_t needed = 0;
  for (Product& product : products_of(model)) {
    TERN_ASSIGN(const KernelSet* set, plan.set_for(product));
    needed += packed_size(product, *set->kernels.front().kernel);
    plan.products_.push_back({std::move(product), {}, {}, set});
  }
  TERN_ASSIGN(WeightMemory memory, plan.memory_for(needed, options));
  for (PlannedProduct& planned : plan.products_) {
    const ir::Kernel& kernel = *planned.set->kernels.front().kernel;
    if (planned.product.experts > 0) {
      TERN_ASSIGN(planned.experts, allocate_experts(planned.product, kernel, memory));
    } else {
      TERN_ASSIGN(planned.packed, allocate_packed(planned.product, kernel, memory));
    }
  }
  for (PlannedProduct& planned : plan.products_) {
    const ir::Kernel& kernel = *planned.set->kernels.front().kernel;
    const int64_t n = kernel.problem.n;
    const int64_t step = ir::round_up(rows_a_task, packing_granularity(kernel));
    if (planned.product.experts > 0) {
      std::atomic<int64_t>* left =
          rows_left.emplace_back(new std::atomic<int64_t>(planned.product.experts)).get();
      for (size_t i = 0; i < planned.experts.size(); ++i) {
        if (options.check_values)
          checks.push_back([&planned, &model, i] {
            return check_and_release(planned.product.parts[0]->matrix(i), model);
          });
        packing.push_back([&planned, &kernel, left, i]() -> Status {
          Tensor tensor;
          const Product own = product_of_expert(planned.product, i, tensor);
          pack_rows(own, kernel, 0, kernel.problem.n, planned.experts[i]);
          if (--*left == 0) release_mapped(planned.product.parts[0]->data);
          return {};
        });
      }
      continue;
    }
    std::atomic<int64_t>* left = rows_left.emplace_back(new std::atomic<int64_t>(n)).get();
    if (options.check_values) {
      for (const Tensor* part : planned.product.parts)
        checks.push_back([&model, part] { return check_and_release(*part, model); });
    }
    for (int64_t first = 0; first < n; first += step) {
      const int64_t end = std::min<int64_t>(first + step, n);
      packing.push_back([&planned, &kernel, &model, left, first, end]() -> Status {
        pack_rows(planned.product, kernel, first, end, planned.packed);
        if ((*left -= end - first) != 0) return {};
        for (const Tensor* part : planned.product.parts) {
          // Rows of the embedding are still read for every token.
          if (part == &model.token_embedding())
            model.file.release(part->data);
          else
            release_mapped(part->data);
        }
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
    TERN_TRY(run_tasks(pool, *phase));
  }
  for (const Status& status : code.assign_code()) {
    TERN_TRY(status);
  }
  return plan;
}

void Plan::prepare(const StepRows& rows, ThreadPool& pool) {
  std::vector<PlannedKernel*> missing = without_code(rows);
  if (missing.empty()) return;
  CodeTasks code(source_, missing);
  [[maybe_unused]] const Status run = run_tasks(pool, code.tasks());
  assert(run);
  const std::vector<Status> statuses = code.assign_code();
  if (std::ranges::all_of(statuses, [](const Status& status) { return static_cast<bool>(status); })) return;
  for (const Status& status : statuses) {
    if (!status) failures_.push_back(status.error());
  }
  // The next larger bucket may be compiled already.
  const auto index_for = [&](const KernelSet& set) {
    return buckets_.index_for(set.is_head ? rows.head : rows.layers);
  };
  StepRows larger = rows;
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    if (!set->kernels[index_for(*set)].code)
      (set->is_head ? larger.head : larger.layers) = buckets_.rows()[index_for(*set) + 1];
  }
  prepare(larger, pool);
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    const size_t index = index_for(*set);
    PlannedKernel& planned = set->kernels[index];
    if (planned.code) continue;
    planned = set->kernels[index + 1];
    planned.rows = buckets_.rows()[index];
    ++version_;
  }
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    if (!set->is_expert) continue;
    for (size_t i = index_for(*set); i-- > 0;) {
      if (!set->kernels[i].code) set->kernels[i] = set->kernels[i + 1];
      set->kernels[i].rows = buckets_.rows()[i];
    }
  }
}

size_t Plan::index_of(int64_t layer, const std::vector<WeightRole>& roles) const {
  const auto found = std::ranges::find_if(products_, [&](const PlannedProduct& planned) {
    return planned.product.layer == layer && planned.product.roles == roles;
  });
  assert(found != products_.end());
  return static_cast<size_t>(found - products_.begin());
}

std::vector<codegen::CompiledKernel> Plan::replace(const std::vector<codegen::CompiledKernel>& kernels) {
  std::vector<codegen::CompiledKernel> before(kernels.size());
  for (size_t i = 0; i < kernels.size(); ++i) {
    const ir::Kernel& kernel = kernels[i].kernel();
    for (const std::unique_ptr<KernelSet>& set : sets_) {
      if (set->is_expert) continue;
      for (PlannedKernel& planned : set->kernels) {
        if (planned.kernel->problem != kernel.problem || planned.kernel->epilogue != kernel.epilogue ||
            !planned.code)
          continue;
        before[i] = *std::exchange(planned.code, kernels[i]);
        planned.kernel = std::make_shared<const ir::Kernel>(kernel);
        planned.preparations.clear();
      }
    }
  }
  ++version_;
  return before;
}

int64_t Plan::padded_rows_for(int64_t rows) const {
  int64_t padded = 0;
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    for (const PlannedKernel& planned : set->kernels) {
      if (planned.rows <= rows) padded = std::max(padded, codegen::padded_rows(*planned.kernel));
    }
  }
  return padded;
}

// A run takes no more than `most` rows for each of its own, whatever it is, and runs of all experts have
// `used` rows for each of the step's.
int64_t Plan::expert_rows(int64_t used) const {
  int64_t most = 1;
  for (const std::unique_ptr<KernelSet>& set : sets_) {
    if (!set->is_expert) continue;
    int64_t before = 0;
    for (const PlannedKernel& planned : set->kernels) {
      most = std::max(most, ir::ceil_divide(codegen::padded_rows(*planned.kernel), before + 1));
      before = planned.rows;
    }
  }
  return most * used * buckets_.max();
}

std::vector<std::span<const std::byte>> Plan::packed_memory() const {
  std::vector<std::span<const std::byte>> blocks;
  const auto add = [&](const PackedWeights& packed) {
    blocks.push_back(packed.weights.as<const std::byte>());
    if (packed.scales.size() > 0) blocks.push_back(packed.scales.as<const std::byte>());
  };
  for (const PlannedProduct& planned : products_) {
    if (planned.packed.weights.size() > 0) add(planned.packed);
    for (const PackedWeights& each : planned.experts) add(each);
  }
  return blocks;
}

size_t Plan::packed_bytes() const {
  size_t bytes = 0;
  for (const PlannedProduct& planned : products_) bytes += planned.packed_bytes();
  return bytes;
}

size_t Plan::packed_token_bytes(int64_t experts_used) const {
  size_t bytes = 0;
  for (const PlannedProduct& planned : products_) {
    const int64_t experts = planned.product.experts;
    const size_t all = planned.packed_bytes();
    bytes += experts > 0 ? all / static_cast<size_t>(experts) * static_cast<size_t>(experts_used) : all;
  }
  return bytes;
}

size_t Plan::packed_head_bytes() const {
  size_t bytes = 0;
  for (const PlannedProduct& planned : products_)
    bytes += planned.product.is_head ? planned.packed_bytes() : 0;
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

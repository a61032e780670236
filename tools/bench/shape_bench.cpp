#include "tools/bench/shape_bench.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "autotune/measure/exact_check.h"
#include "autotune/measure/kernel_timer.h"
#include "autotune/measure/peak.h"
#include "autotune/measure/race.h"
#include "codegen/jit/jit.h"
#include "ir/kernel/verify_kernel.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "runtime/execute/bandwidth.h"
#include "runtime/session/machine_threads.h"
#include "targets/host.h"
#include "targets/legal.h"
#include "tools/options/output_file.h"

namespace tern::tools {
namespace {

// The place of code in memory makes a few percent, which say nothing of the kernel.
constexpr size_t code_places = 4;

struct NamedKernel {
  ir::Kernel kernel;
  std::string name;
};

std::string packing_of(const std::string& recipe) {
  return recipe.substr(0, recipe.find(' '));
}

Error no_kernel(const BenchWeights& weights, const ir::Problem& problem,
                const std::vector<std::string>& reasons) {
  std::string why = reasons.empty() ? "no recipe takes steps of inputs that make up whole groups"
                                    : fmt::format("{}", fmt::join(reasons, "; "));
  return machine_error(fmt::format("'{}' is not possible for {} x {} and {} row{}: {}", weights.text,
                                   problem.n, problem.k, problem.m, problem.m == 1 ? "" : "s", why));
}

bool is_legal(const ir::Kernel& kernel, const targets::Target& target) {
  return ir::verify(kernel).empty() && targets::legality_errors(kernel, target).empty();
}

// The first recipe of that name or packing whose kernel is legal.
Expected<NamedKernel> first_legal(const BenchWeights& weights, const ir::Problem& problem,
                                  const targets::Target& target) {
  std::vector<std::string> reasons;
  for (const kernels::Recipe& recipe : kernels::recipes(problem)) {
    const std::string name = print(recipe);
    if (name != weights.kernel && packing_of(name) != weights.kernel) continue;
    ir::Kernel kernel = kernels::make_kernel(recipe, problem, target);
    if (const std::vector<Error> errors = ir::verify(kernel); !errors.empty()) {
      reasons.push_back(errors.front().message);
      continue;
    }
    const std::vector<std::string> lacking = targets::legality_errors(kernel, target);
    if (lacking.empty()) return NamedKernel{std::move(kernel), name};
    reasons.push_back(lacking.front());
  }
  std::ranges::sort(reasons);
  reasons.erase(std::unique(reasons.begin(), reasons.end()), reasons.end());
  return no_kernel(weights, problem, reasons);
}

// The kernel of a model for "tuned". For a packing: that kernel if it is so packed, else the default kernel
// if that one is, else the first legal recipe.
Expected<NamedKernel> kernel_for(const BenchWeights& weights, ir::Problem problem,
                                 const runtime::TunedKernels& tuned) {
  problem = ir::matmul(problem.m, problem.n, problem.k, weights.w);
  const auto has_packing = [&](const ir::Kernel& kernel) {
    return weights.kernel == "tuned" || weights.kernel == info(kernel.weights.packing).name;
  };
  if (const auto found = find_kernel(tuned.database, problem, tuned.target, tuned.threads);
      found && has_packing(*found))
    return NamedKernel{*found, fmt::format("tuned {}", info(found->weights.packing).name)};
  ir::Kernel default_kernel = kernels::default_kernel(problem, tuned.target);
  if (has_packing(default_kernel) && is_legal(default_kernel, tuned.target))
    return NamedKernel{default_kernel, print(kernels::default_recipe(problem, tuned.target))};
  return first_legal(weights, problem, tuned.target);
}

// One kind of weights, with what was measured of it.
struct Entry {
  std::vector<autotune::TimedKernel> places;
  double preparation_seconds = 0;
  std::vector<double> memory_seconds, cache_seconds;  // of a call with its preparations, by round
};

Expected<Entry> make_entry(const NamedKernel& named, const codegen::Jit& jit, ThreadPool& pool,
                           autotune::KernelTimer& timer) {
  Entry entry;
  for (size_t place = 0; place < code_places; ++place) {
    TERN_ASSIGN(const autotune::Code code, autotune::compile_code(jit, named.kernel));
    if (place == 0) {
      autotune::ExactCheck check(named.kernel.problem, pool);
      const std::string wrong = check.check_guarded({&code, 1})[0];
      if (!wrong.empty())
        return Error{fmt::format("kernel '{}' is wrong: {}", named.name, wrong), {}, ErrorKind::bug};
      entry.preparation_seconds = time_preparations(code, timer.threads());
    }
    TERN_ASSIGN(autotune::TimedKernel timed, timer.prepare(code.kernel));
    timer.prepare_for_memory(timed);
    entry.places.push_back(std::move(timed));
  }
  return entry;
}

void run_round(std::vector<Entry>& entries, int round, autotune::KernelTimer& timer) {
  std::vector<const autotune::TimedKernel*> kernels;
  for (const Entry& entry : entries)
    kernels.push_back(&entry.places[static_cast<size_t>(round) % code_places]);
  const auto seed = static_cast<uint64_t>(round);
  const std::vector<double> memory = timer.round(kernels, autotune::Weights::memory, seed);
  const std::vector<double> cache = timer.round(kernels, autotune::Weights::cache, seed);
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i].memory_seconds.push_back(memory[i] + entries[i].preparation_seconds);
    entries[i].cache_seconds.push_back(cache[i] + entries[i].preparation_seconds);
  }
}

Speed speed_of(const ir::Problem& problem, const std::vector<double>& seconds,
               const std::vector<double>& first) {
  Speed speed{median(seconds), estimate(autotune::paired_ratios(seconds, first)), 0};
  speed.products_per_second = static_cast<double>(problem.m) * static_cast<double>(problem.n) *
                              static_cast<double>(problem.k) / speed.seconds;
  return speed;
}

// What the measurements on as many threads share.
struct Setting {
  const ShapeBenchOptions& options;
  const ShapeBenchEvents& events;
  const codegen::Jit& jit;
  ThreadPool& pool;
  autotune::KernelTimer& timer;
  const runtime::TunedKernels& tuned;
  double bandwidth, peak_products;
};

Status bench_problem(const Setting& setting, const ir::Problem& problem, std::vector<ShapeMeasurement>& all) {
  std::vector<NamedKernel> kernels;
  std::vector<Entry> entries;
  for (const BenchWeights& weights : setting.options.weights) {
    TERN_ASSIGN(NamedKernel named, kernel_for(weights, problem, setting.tuned));
    TERN_ASSIGN(Entry entry, make_entry(named, setting.jit, setting.pool, setting.timer));
    kernels.push_back(std::move(named));
    entries.push_back(std::move(entry));
  }
  int rounds = 0;
  for (; rounds < setting.options.rounds && !setting.events.stop(); ++rounds)
    run_round(entries, rounds, setting.timer);
  if (rounds < 3) return {};
  for (size_t i = 0; i < entries.size(); ++i) {
    const ir::Problem& own = kernels[i].kernel.problem;
    ShapeMeasurement& one = all.emplace_back();
    one.problem = own;
    one.threads = setting.pool.threads();
    one.weights = setting.options.weights[i].text;
    one.kernel = kernels[i].name;
    one.packed_bytes = static_cast<int64_t>(autotune::packed_bytes(entries[i].places[0].kernel.program()));
    one.rounds = rounds;
    one.memory = speed_of(own, entries[i].memory_seconds, entries[0].memory_seconds);
    one.cache = speed_of(own, entries[i].cache_seconds, entries[0].cache_seconds);
    one.bandwidth = setting.bandwidth;
    one.peak_products = setting.peak_products;
  }
  return {};
}

Status bench_on(size_t threads, const ShapeBenchOptions& options, const ShapeBenchEvents& events,
                const codegen::Jit& jit, std::vector<ShapeMeasurement>& all) {
  TERN_ASSIGN(const autotune::Provenance machine, runtime::machine_of(options.target, jit.target()));
  TERN_ASSIGN(
      const runtime::TunedKernels tuned,
      runtime::load_tuned(options.records, machine, jit.target(), static_cast<int>(threads), print_warning));
  TERN_ASSIGN(const std::unique_ptr<ThreadPool> pool, runtime::make_bound_threads(threads));
  TERN_ASSIGN(const double bandwidth, runtime::read_bandwidth(*pool, runtime::VectorLevel::best));
  TERN_ASSIGN(const double peak, autotune::measure_peak(jit, *pool));
  autotune::KernelTimer timer(*pool, autotune::bytes_from_memory(jit.target()),
                              autotune::bytes_from_cache(jit.target()));
  const Setting setting{options, events, jit, *pool, timer, tuned, bandwidth, peak};
  for (ir::Problem problem : options.shapes) {
    for (const int64_t rows : options.rows) {
      if (events.stop()) return {};
      problem.m = rows;
      events.progress(problem, threads);
      TERN_TRY(bench_problem(setting, problem, all));
    }
  }
  return {};
}

}  // namespace

Expected<std::vector<ShapeMeasurement>> bench_shapes(const ShapeBenchOptions& options,
                                                     const ShapeBenchEvents& events) {
  TERN_ASSIGN(const targets::Target target, targets::find_runnable_target(options.target));
  TERN_ASSIGN(const codegen::Jit jit, codegen::Jit::make(target, std::nullopt));
  std::vector<ShapeMeasurement> all;
  for (const size_t threads : options.threads) TERN_TRY(bench_on(threads, options, events, jit, all));
  return all;
}

}  // namespace tern::tools

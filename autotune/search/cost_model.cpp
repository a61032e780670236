#include "autotune/search/cost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "autotune/search/cache_traffic.h"
#include "autotune/search/expected_time.h"
#include "base/statistics.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"

namespace tern::autotune {
namespace {

// The problem with a smaller matrix, which still has a few iterations of each of the kernel's loops: cycles
// for one weight are nearly the same.
ir::Problem small_problem(const kernels::Candidate& candidate) {
  const ir::Problem& whole = candidate.kernel.problem;
  const kernels::Knobs& knobs = candidate.knobs;
  ir::Problem small = whole;
  small.n = std::min(whole.n, 2 * knobs.lanes * knobs.block_vectors);
  const int64_t inputs = std::max(knobs.block_inputs, knobs.unrolled_inputs);
  small.k = std::min(whole.k, ir::round_up(1024, inputs));
  if (knobs.panel_rows == 0) small.m = std::min(whole.m, 4 * knobs.tile_rows);
  return small;
}

double weights_of(const ir::Problem& problem) {
  return static_cast<double>(problem.m) * static_cast<double>(problem.n) * static_cast<double>(problem.k);
}

// Bytes that a core moves in a cycle between its first and its second cache, and between that and the cache
// behind: what big cores of the last ten years have in common.
constexpr double bytes_a_cycle_from_second_cache = 48, bytes_a_cycle_from_outer_cache = 16;

// A core's share of its caches, in bytes.
CacheSizes cache_sizes(const targets::Target& target, int threads) {
  const auto size = [&](int level, double default_size) {
    const targets::Cache* cache = find_cache(target, level);
    return cache ? static_cast<double>(cache->size_bytes) / std::min(threads, std::max(cache->shared_by, 1))
                 : default_size;
  };
  return {size(1, 32768), size(2, 1 << 20)};
}

std::string lesson_name(const kernels::Recipe& recipe) {
  std::string name(ir::name(recipe.strategy()));
  const ir::Unpacking* unpacking = unpacking_of(recipe.compute);
  if (unpacking && unpacking->unpack != ir::Unpack::fields)
    name += fmt::format(" {}", ir::name(unpacking->unpack));
  return name;
}

// Predicted seconds with the weights in cache, without the factor l.
double from_cache(const Prediction& prediction) {
  return overlapped(std::array{prediction.compute_seconds, prediction.cache_seconds});
}

}  // namespace

Machine described_machine(const targets::Target& target, int threads) {
  constexpr double default_gigabytes_per_second = 20;
  return {threads, target.memory_gigabytes_per_second.value_or(default_gigabytes_per_second) * 1e9};
}

Expected<CostModel> CostModel::make(const targets::Target& target, const Machine& machine, int threads) {
  CostModel model(target, machine);
  for (int i = 0; i < std::max(threads, 1); ++i) {
    Expected<codegen::CycleModel> one = codegen::CycleModel::make(target);
    if (!one) return one.error();
    model.models_.push_back(one.take());
  }
  return model;
}

std::optional<CostModel::Cycles> CostModel::simulate(const kernels::Candidate& candidate,
                                                     codegen::CycleModel& model) {
  const ir::Problem problem = small_problem(candidate);
  kernels::Knobs knobs = candidate.knobs;
  // Instructions are the same for any prefetch distance above 0.
  if (knobs.prefetch_bytes > 0) knobs.prefetch_bytes = 4096;
  const ir::Kernel kernel = kernels::make_kernel(candidate.recipe, knobs, problem);
  const uint64_t key = hash(kernel);
  {
    const std::lock_guard lock(*mutex_);
    if (const auto found = cycles_.find(key); found != cycles_.end()) return found->second;
  }
  std::optional<Cycles> cycles;
  if (ir::verify(kernel).empty()) {
    const ir::Program program = codegen::lower(kernel);
    if (ir::verify(program).empty()) {
      if (const Expected<codegen::CycleEstimate> estimate = model.estimate(program))
        cycles = Cycles{estimate->cycles / weights_of(problem), estimate->limit_detail,
                        estimate->inner_stack_accesses};
    }
  }
  const std::lock_guard lock(*mutex_);
  return cycles_[key] = cycles;
}

std::optional<Prediction> CostModel::predict_with(const kernels::Candidate& candidate,
                                                  codegen::CycleModel& model) {
  const std::optional<Cycles> cycles = simulate(candidate, model);
  if (!cycles) return std::nullopt;
  const ir::Problem& problem = candidate.kernel.problem;
  const ir::LayoutMap map(candidate.kernel.weights, problem.n, problem.k);
  const auto bytes = static_cast<double>(map.size_in_bytes());
  const double core_seconds = 1 / (machine_.hertz * machine_.threads);
  Prediction prediction;
  prediction.stack_accesses = cycles->stack_accesses;
  prediction.compute_seconds = cycles->of_a_weight * weights_of(problem) * core_seconds;
  prediction.memory_seconds = bytes / machine_.bytes_per_second;
  const CacheTraffic traffic = cache_traffic(codegen::lower(candidate.kernel), candidate.kernel,
                                             machine_.threads, cache_sizes(target_, machine_.threads));
  prediction.cache_seconds = std::max(traffic.first / bytes_a_cycle_from_second_cache,
                                      traffic.second / bytes_a_cycle_from_outer_cache) /
                             machine_.hertz;
  double core = from_cache(prediction);
  if (const auto lesson = lessons_.find(lesson_name(candidate.recipe)); lesson != lessons_.end())
    core *= median(lesson->second);
  prediction.seconds = overlapped(std::array{core, prediction.memory_seconds});
  if (prediction.memory_seconds > core)
    prediction.limit =
        fmt::format("memory: {:.1f} MB at {:.1f} GB/s", bytes / 1e6, machine_.bytes_per_second / 1e9);
  else if (prediction.cache_seconds > prediction.compute_seconds)
    prediction.limit = "the caches: what is read again does not fit the inner one";
  else
    prediction.limit = cycles->limit;
  return prediction;
}

std::optional<Prediction> CostModel::predict(const kernels::Candidate& candidate) {
  return predict_with(candidate, models_[0]);
}

std::vector<std::optional<Prediction>> CostModel::predict(std::span<const kernels::Candidate> candidates,
                                                          ThreadPool& pool) {
  std::vector<std::optional<Prediction>> predictions(candidates.size());
  std::atomic<size_t> next = 0;
  pool.run([&](int thread) {
    if (static_cast<size_t>(thread) >= models_.size()) return;
    for (size_t i = next++; i < candidates.size(); i = next++)
      predictions[i] = predict_with(candidates[i], models_[static_cast<size_t>(thread)]);
  });
  return predictions;
}

void CostModel::learn(const kernels::Recipe& recipe, double cache_seconds, const Prediction& predicted) {
  lessons_[lesson_name(recipe)].push_back(cache_seconds / from_cache(predicted));
}

}  // namespace tern::autotune

#include "autotune/cost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "autotune/expected_time.h"
#include "autotune/statistics.h"
#include "codegen/lower.h"
#include "ir/kernel_shape.h"
#include "ir/verify.h"

namespace tern::autotune {
namespace {

// A matrix that has a few iterations of each of the kernel's loops, so that what they cost can be scaled.
ir::Problem small_problem(const Candidate& candidate) {
  const ir::Problem& whole = candidate.kernel.problem;
  const Knobs& knobs = candidate.knobs;
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

int64_t cache_bytes(const targets::Target& target, int level, int64_t otherwise) {
  const targets::Cache* cache = find_cache(target, level);
  return cache ? cache->size_bytes : otherwise;
}

// Bytes that a core reads a cycle from the cache behind its own: what CPUs of the last ten years have in
// common.
constexpr double bytes_a_cycle_from_outer_cache = 16;

// Bytes of activations or weights that come back from the outer cache because a loop walks over more than the
// inner one holds.
double bytes_read_again(const Candidate& candidate, const targets::Target& target, double weight_bytes) {
  const ir::Problem& problem = candidate.kernel.problem;
  if (problem.m == 1) return 0;
  const Knobs& knobs = candidate.knobs;
  const auto room = static_cast<double>(cache_bytes(target, 2, 1 << 20)) / 2;
  const double activations =
      static_cast<double>(problem.m * activation_stride(problem)) * (problem.is_ternary() ? 1 : 4);
  const auto blocks = static_cast<double>(ir::ceil_divide(problem.n, knobs.lanes * knobs.block_vectors));
  const int64_t rows = std::max(knobs.tile_rows, knobs.panel_rows);
  const auto row_blocks = static_cast<double>(ir::ceil_divide(problem.m, rows));
  if (knobs.rows_outside)
    return (weight_bytes > room ? weight_bytes * row_blocks : weight_bytes) +
           (activations / row_blocks > room ? activations * blocks : activations);
  const bool block_fits = weight_bytes / blocks < room;
  return (activations > room ? activations * blocks : activations) +
         (block_fits ? weight_bytes : weight_bytes * row_blocks);
}

std::string lesson_name(const Recipe& recipe) {
  std::string name(ir::name(recipe.strategy));
  if (recipe.unpack != ir::Unpack::fields) name += fmt::format(" {}", ir::name(recipe.unpack));
  return name;
}

}  // namespace

Machine described_machine(const targets::Target& target, int threads) {
  constexpr double gigabytes_of_nobody_in_particular = 20;
  return {threads, target.memory_gigabytes_per_second.value_or(gigabytes_of_nobody_in_particular) * 1e9};
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

std::optional<CostModel::Cycles> CostModel::simulate(const Candidate& candidate, codegen::CycleModel& model) {
  const ir::Problem problem = small_problem(candidate);
  const ir::Kernel kernel = make_kernel(candidate.recipe, candidate.knobs, problem);
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

std::optional<Prediction> CostModel::predict_with(const Candidate& candidate, codegen::CycleModel& model) {
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
  prediction.cache_seconds =
      bytes_read_again(candidate, target_, bytes) / bytes_a_cycle_from_outer_cache * core_seconds;
  double compute = prediction.compute_seconds;
  if (const auto lesson = lessons_.find(lesson_name(candidate.recipe)); lesson != lessons_.end())
    compute *= median(lesson->second);
  const std::array parts = {compute, prediction.memory_seconds, prediction.cache_seconds};
  const double largest = std::ranges::max(parts);
  prediction.seconds = overlapped(parts);
  if (largest == prediction.memory_seconds)
    prediction.limit =
        fmt::format("memory: {:.1f} MB at {:.1f} GB/s", bytes / 1e6, machine_.bytes_per_second / 1e9);
  else if (largest == prediction.cache_seconds)
    prediction.limit = "the outer cache: what is read again does not fit the inner one";
  else
    prediction.limit = cycles->limit;
  return prediction;
}

std::optional<Prediction> CostModel::predict(const Candidate& candidate) {
  return predict_with(candidate, models_[0]);
}

std::vector<std::optional<Prediction>> CostModel::predict(std::span<const Candidate> candidates,
                                                          const Crew& crew) {
  std::vector<std::optional<Prediction>> predictions(candidates.size());
  std::atomic<size_t> next = 0;
  crew.run([&](int thread) {
    if (static_cast<size_t>(thread) >= models_.size()) return;
    for (size_t i = next++; i < candidates.size(); i = next++)
      predictions[i] = predict_with(candidates[i], models_[static_cast<size_t>(thread)]);
  });
  return predictions;
}

void CostModel::learn(const Recipe& recipe, double cache_seconds, const Prediction& predicted) {
  lessons_[lesson_name(recipe)].push_back(cache_seconds / predicted.compute_seconds);
}

}  // namespace tern::autotune

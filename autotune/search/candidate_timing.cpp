#include "autotune/search/candidate_timing.h"

#include <algorithm>
#include <atomic>

namespace tern::autotune {
namespace {

// Keeps the least time; 0 means that none is known yet.
void keep_min(double& min, double seconds) {
  if (min == 0 || seconds < min) min = seconds;
}

std::vector<KernelEntry*> entries_of(Bucket& bucket, const std::vector<size_t>& indices) {
  std::vector<KernelEntry*> entries;
  for (const size_t i : indices) entries.push_back(&*bucket.evaluations[i].entry);
  return entries;
}

}  // namespace

Status CandidateTiming::prepare(Evaluation& evaluation, const Code& code, double tables_share) {
  TERN_ASSIGN(TimedKernel timed, tools_.timer.prepare(code.kernel));
  evaluation.entry.emplace();
  evaluation.entry->kernel = std::move(timed);
  evaluation.weight_bytes = static_cast<double>(packed_bytes(code.kernel.program()));
  evaluation.tables_seconds = tables_share * time_preparations(code, tools_.timer.threads());
  return {};
}

// A released candidate may yet be the best of its layout. It was compiled before: if that fails now, it does
// not race.
void CandidateTiming::compile_released(Bucket& bucket, std::vector<size_t>& indices) {
  std::erase_if(indices, [&](size_t i) {
    KernelEntry& entry = *bucket.evaluations[i].entry;
    if (!entry.released) return false;
    Expected<codegen::CompiledKernel> code = tools_.jit.compile(bucket.evaluations[i].candidate.kernel);
    if (!code) return true;
    entry.kernel.kernel = code.take();
    entry.released = false;
    return false;
  });
}

void CandidateTiming::move_code(Bucket& bucket, const std::vector<size_t>& indices) {
  // All are compiled before the first is freed, or the next would get its place.
  std::vector<Expected<codegen::CompiledKernel>> codes(indices.size(), codegen::CompiledKernel());
  std::atomic<size_t> next = 0;
  tools_.pool.run([&](int) {
    for (size_t i = next++; i < indices.size(); i = next++)
      codes[i] = tools_.jit.compile(bucket.evaluations[indices[i]].candidate.kernel);
  });
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!codes[i]) continue;
    KernelEntry& entry = *bucket.evaluations[indices[i]].entry;
    entry.kernel.kernel = codes[i].take();
    entry.released = false;
  }
}

void CandidateTiming::from_cache(Bucket& bucket, std::vector<size_t> indices, int max_rounds) {
  compile_released(bucket, indices);
  if (indices.empty()) return;
  KernelRaceOptions options;
  options.from = Weights::cache;
  options.rules.min_rounds = 3;
  options.rules.max_rounds = max_rounds;
  options.stop = tools_.stop;
  const KernelRaceResult result = race_kernels(tools_.timer, bucket.evaluations[0].entry->kernel,
                                               entries_of(bucket, indices), options, seed_ += 1000);
  keep_min(bucket.default_cache_seconds, result.baseline_min_seconds);
  update_ratios(bucket, tools_.bytes_per_second);
  release_slow(bucket);
}

std::vector<size_t> CandidateTiming::from_memory(Bucket& bucket, std::vector<size_t> indices,
                                                 const RaceRules& rules) {
  if (indices.empty()) return {};
  const size_t best = best_of(bucket);
  if (std::ranges::find(indices, best) == indices.end()) indices.push_back(best);
  compile_released(bucket, indices);
  const std::vector<KernelEntry*> entries = entries_of(bucket, indices);
  std::vector<size_t> rounds_before;
  for (const KernelEntry* entry : entries) rounds_before.push_back(entry->from_memory.ratios.size());
  const KernelRaceResult result = race_kernels(tools_.timer, bucket.evaluations[0].entry->kernel, entries,
                                               {Weights::memory, rules, tools_.stop}, seed_ += 1000);
  if (result.rounds == 0) return {};
  if (result.rounds >= 3) bucket.noises.push_back(result.noise);
  bucket.control.insert(bucket.control.end(), result.control.begin(), result.control.end());
  keep_min(bucket.default_seconds, result.baseline_seconds);

  const CallCost default_cost = bucket.default_cost();
  const auto bandwidth = [&](double seconds) {
    return implied_bandwidth(default_cost.cache_seconds, seconds, default_cost.weight_bytes)
        .value_or(tools_.bytes_per_second);
  };
  // Memory may be at its fastest for one round only, while other programs rest.
  tools_.bytes_per_second = std::max(tools_.bytes_per_second, bandwidth(result.baseline_min_seconds));
  // In this race it was as fast as the default kernel's time implies.
  const double now = bandwidth(result.baseline_seconds);
  for (size_t entered = 0; entered < indices.size(); ++entered) {
    Evaluation& evaluation = bucket.evaluations[indices[entered]];
    const double expected = bucket.cost(evaluation).seconds(now) / default_cost.seconds(now);
    const std::vector<double>& ratios = entries[entered]->from_memory.ratios;
    for (size_t i = rounds_before[entered]; i < ratios.size(); ++i)
      evaluation.prediction_errors.push_back(ratios[i] / expected);
  }
  update_ratios(bucket, tools_.bytes_per_second);
  return indices;
}

}  // namespace tern::autotune

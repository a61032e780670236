#include "autotune/measure/kernel_race.h"

#include <algorithm>
#include <limits>

namespace tern::autotune {
namespace {

bool has_min_twice(const RaceEntry& entry, const RaceRules& rules) {
  if (entry.seconds.size() < static_cast<size_t>(std::max(rules.min_rounds, 2))) return false;
  std::vector<double> seconds = entry.seconds;
  std::ranges::nth_element(seconds, seconds.begin() + 1);
  return seconds[1] < (1 + rules.min_difference / 2) * entry.min_seconds();
}

// Entries that run from memory and are not dropped.
std::vector<RaceEntry*> measured_from_memory(const std::vector<KernelEntry*>& running) {
  std::vector<RaceEntry*> entries;
  for (KernelEntry* entry : running) entries.push_back(&entry->from_memory);
  return entries;
}

}  // namespace

KernelRaceResult race_kernels(KernelTimer& timer, TimedKernel& baseline,
                              const std::vector<KernelEntry*>& entries, const KernelRaceOptions& options,
                              uint64_t seed) {
  const RaceRules& rules = options.rules;
  KernelRaceResult result;
  result.baseline_min_seconds = std::numeric_limits<double>::infinity();
  std::vector<double> baseline_seconds;
  std::vector<KernelEntry*> running = entries;
  if (options.from == Weights::memory) {
    std::erase_if(running, [](const KernelEntry* entry) { return entry->dropped(); });
    timer.prepare_for_memory(baseline);
    for (KernelEntry* entry : running) timer.prepare_for_memory(entry->kernel);
  }
  while (result.rounds < rules.max_rounds && !running.empty()) {
    // The baseline twice: how much it differs from itself is the noise.
    std::vector<const TimedKernel*> kernels = {&baseline, &baseline};
    for (const KernelEntry* entry : running) kernels.push_back(&entry->kernel);
    const std::vector<double> seconds =
        timer.round(kernels, options.from, seed + static_cast<uint64_t>(result.rounds));
    ++result.rounds;
    baseline_seconds.push_back(baseline_of(seconds[0], seconds[1]));
    result.baseline_min_seconds = std::min({result.baseline_min_seconds, seconds[0], seconds[1]});
    result.control.push_back(seconds[1] / seconds[0]);
    for (size_t i = 0; i < running.size(); ++i)
      running[i]->measured(options.from).add(seconds[i + 2], baseline_seconds.back());
    if (options.from == Weights::cache) {
      std::erase_if(running,
                    [&](const KernelEntry* entry) { return has_min_twice(entry->from_cache, rules); });
    } else {
      std::vector<RaceEntry*> left = measured_from_memory(running);
      drop_behind(left, rules);
      std::erase_if(running, [](const KernelEntry* entry) { return entry->dropped(); });
      if (is_decided(left, rules)) break;
    }
    if (options.stop && options.stop()) break;
  }
  result.baseline_seconds = median(baseline_seconds);
  result.noise = typical_deviation(result.control);
  return result;
}

}  // namespace tern::autotune

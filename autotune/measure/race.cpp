#include "autotune/measure/race.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tern::autotune {
namespace {

// Half as slow again, in each of two rounds, is seen at once: one such round may be somebody else's doing.
// Anything else takes more of them.
bool is_hopeless(const Samples& samples, const Estimate& best, const RaceRules& rules) {
  const Estimate own = samples.ratio();
  if (own.count >= 2 && std::ranges::min(samples.ratios) > 1.5 * best.value) return true;
  return own.count >= rules.least_rounds && own.value > (1 + rules.worth_it) * best.value &&
         standard_errors_above(own, best) > rules.standard_errors;
}

// Whether more rounds would change nothing.
bool is_clear(const Samples& samples, const RaceRules& rules) {
  const Estimate own = samples.ratio();
  return own.count >= rules.least_rounds && own.error < rules.worth_it / 2 * own.value;
}

// Whether the shortest time was met twice.
bool has_floor(const Samples& samples, const RaceRules& rules) {
  if (samples.ratios.size() < static_cast<size_t>(std::max(rules.least_rounds, 2))) return false;
  std::vector<double> seconds = samples.seconds;
  std::ranges::nth_element(seconds, seconds.begin() + 1);
  return seconds[1] < (1 + rules.worth_it / 2) * samples.shortest();
}

// From memory.
void drop_hopeless(std::vector<Runner*>& runners, const RaceRules& rules) {
  Estimate best = runners[0]->from_memory.ratio();
  for (const Runner* runner : runners) {
    if (const Estimate own = runner->from_memory.ratio(); own.value < best.value) best = own;
  }
  for (Runner* runner : runners) runner->dropped = is_hopeless(runner->from_memory, best, rules);
  std::erase_if(runners, [](const Runner* runner) { return runner->dropped; });
}

// Of two times of one kernel. What disturbs a measurement makes it longer, so of two that are far apart the
// shorter one is the truer; otherwise the mean, which is as often too long as too short.
double reference_of(double one, double two) {
  const double shorter = std::min(one, two), longer = std::max(one, two);
  return longer > 1.5 * shorter ? shorter : std::sqrt(one * two);
}

}  // namespace

RaceResult race(KernelTimer& timer, TimedKernel& baseline, std::vector<Runner*> runners,
                const RaceRules& rules, uint64_t seed) {
  RaceResult result;
  result.baseline_shortest = std::numeric_limits<double>::infinity();
  std::vector<double> baseline_seconds;
  if (rules.from == Weights::memory) {
    std::erase_if(runners, [](const Runner* runner) { return runner->dropped; });
    timer.prepare_for_memory(baseline);
    for (Runner* runner : runners) timer.prepare_for_memory(runner->kernel);
  }
  while (result.rounds < rules.most_rounds && !runners.empty()) {
    // The baseline twice: how much it differs from itself is the noise.
    std::vector<const TimedKernel*> kernels = {&baseline, &baseline};
    for (const Runner* runner : runners) kernels.push_back(&runner->kernel);
    const std::vector<double> seconds =
        timer.round(kernels, rules.from, seed + static_cast<uint64_t>(result.rounds));
    ++result.rounds;
    const double reference = reference_of(seconds[0], seconds[1]);
    baseline_seconds.push_back(reference);
    result.baseline_shortest = std::min({result.baseline_shortest, seconds[0], seconds[1]});
    result.control.push_back(seconds[1] / seconds[0]);
    for (size_t i = 0; i < runners.size(); ++i) {
      Samples& samples = runners[i]->samples(rules.from);
      samples.seconds.push_back(seconds[i + 2]);
      samples.ratios.push_back(seconds[i + 2] / reference);
    }
    if (rules.from == Weights::cache) {
      std::erase_if(runners, [&](const Runner* runner) { return has_floor(runner->from_cache, rules); });
    } else {
      drop_hopeless(runners, rules);
      if (std::ranges::all_of(runners,
                              [&](const Runner* runner) { return is_clear(runner->from_memory, rules); }))
        break;
    }
    if (rules.stop && rules.stop()) break;
  }
  result.baseline_seconds = median(baseline_seconds);
  result.noise = typical_deviation(result.control);
  return result;
}

}  // namespace tern::autotune

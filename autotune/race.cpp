#include "autotune/race.h"

#include <algorithm>
#include <cmath>

namespace tern::autotune {
namespace {

// Half as slow again, in each of two rounds, is seen at once: one such round may be somebody else's doing.
// Anything else takes more of them.
bool is_hopeless(const Runner& runner, const Estimate& best, const RaceRules& rules) {
  const Estimate own = runner.ratio();
  if (own.count >= 2 && std::ranges::min(runner.ratios) > 1.5 * best.value) return true;
  return own.count >= rules.least_rounds && own.value > (1 + rules.worth_it) * best.value &&
         standard_errors_above(own, best) > rules.standard_errors;
}

// Whether more rounds would change nothing: each of the rest is known well enough.
bool is_clear(const std::vector<Runner*>& running, const RaceRules& rules) {
  return std::ranges::all_of(running, [&](const Runner* runner) {
    const Estimate own = runner->ratio();
    return own.count >= rules.least_rounds && own.error < rules.worth_it / 2 * own.value;
  });
}

// Of two times of one kernel. What disturbs a measurement makes it longer, so of two that are far apart the
// shorter one is the truer; otherwise the mean, which is as often too long as too short.
double reference_of(double one, double two) {
  const double shorter = std::min(one, two), longer = std::max(one, two);
  return longer > 1.5 * shorter ? shorter : std::sqrt(one * two);
}

}  // namespace

RaceResult race(KernelTimer& timer, const TimedKernel& baseline, std::vector<Runner*> runners,
                const RaceRules& rules, uint64_t seed) {
  RaceResult result;
  std::vector<double> baseline_seconds;
  std::erase_if(runners, [](const Runner* runner) { return runner->dropped; });
  while (result.rounds < rules.most_rounds && !runners.empty()) {
    // The baseline twice: how much it differs from itself is the noise.
    std::vector<const TimedKernel*> kernels = {&baseline, &baseline};
    for (const Runner* runner : runners) kernels.push_back(&runner->kernel);
    const std::vector<double> seconds = timer.round(kernels, seed + static_cast<uint64_t>(result.rounds));
    ++result.rounds;
    const double reference = reference_of(seconds[0], seconds[1]);
    baseline_seconds.push_back(reference);
    result.control.push_back(seconds[1] / seconds[0]);
    for (size_t i = 0; i < runners.size(); ++i) {
      runners[i]->seconds.push_back(seconds[i + 2]);
      runners[i]->ratios.push_back(seconds[i + 2] / reference);
    }
    const auto best =
        std::ranges::min_element(runners, {}, [](const Runner* runner) { return runner->ratio().value; });
    const Estimate best_ratio = (*best)->ratio();
    for (Runner* runner : runners) runner->dropped = is_hopeless(*runner, best_ratio, rules);
    std::erase_if(runners, [](const Runner* runner) { return runner->dropped; });
    if (is_clear(runners, rules)) break;
    if (rules.stop && rules.stop()) break;
  }
  result.baseline_seconds = median(baseline_seconds);
  result.noise = typical_deviation(result.control);
  return result;
}

}  // namespace tern::autotune

#include "autotune/records/live_record.h"

#include <algorithm>
#include <cmath>

#include "base/decimal.h"
#include "kernels/default_kernel.h"

namespace tern::autotune {
namespace {

bool gives(const Choice& choice, std::span<const ir::Kernel> kernels, const targets::Target& target) {
  const Database alone{{}, {}, {choice}, {}};
  return std::ranges::all_of(kernels, [&](const ir::Kernel& kernel) {
    const std::optional<ir::Kernel> found = find_kernel(alone, kernel.problem, target);
    return found && hash(*found) == hash(kernel);
  });
}

// Where the kernel for m rows is, as find_kernel looks for it.
size_t place_for(const Choice& choice, int64_t m) {
  const auto enough =
      std::ranges::find_if(choice.kernels, [&](const ir::Kernel& kernel) { return kernel.problem.m >= m; });
  return static_cast<size_t>(enough - choice.kernels.begin());
}

}  // namespace

std::optional<Choice> choice_in_use(const Database& database, std::span<const ir::Kernel> in_use,
                                    const targets::Target& target, const Conditions& conditions) {
  const Choice* best = nullptr;
  for (const Choice& choice : database.choices) {
    const bool better = !best || (choice.conditions == conditions) > (best->conditions == conditions);
    if (better && gives(choice, in_use, target)) best = &choice;
  }
  Choice choice;
  if (best) {
    if (best->predicted) return std::nullopt;
    choice = *best;
    choice.complete = best->complete && best->conditions == conditions;
  } else {
    for (const ir::Kernel& kernel : in_use) {
      if (hash(kernel) != hash(kernels::default_kernel(kernel.problem, target))) return std::nullopt;
      choice.kernels.push_back(kernel);
      choice.seconds.push_back(0);
      choice.ratios.push_back(1);
    }
  }
  choice.conditions = conditions;
  return choice;
}

double ratio_for(const Choice& choice, int64_t m) {
  return choice.ratios[std::min(place_for(choice, m), choice.ratios.size() - 1)];
}

Record record_of(const kernels::Candidate& candidate, const LiveRaceResult& result, double ratio_in_use,
                 const Conditions& conditions, double load, const std::string& date) {
  Timing timing;
  timing.seconds = to_four_digits(result.candidate_seconds);
  timing.spread = to_four_digits(result.spread);
  timing.ratio = to_four_digits(result.ratio.value * ratio_in_use);
  timing.error = std::isfinite(result.ratio.error) ? to_four_digits(result.ratio.error * ratio_in_use) : 1;
  timing.rounds = result.rounds;
  timing.date = date;
  timing.load = load;
  return {conditions, candidate.kernel, print(candidate), 0, {timing}, ""};
}

void replace_kernel(Choice& choice, const kernels::Candidate& better, const LiveRaceResult& result,
                    const std::string& date) {
  ir::Kernel kernel = better.kernel;
  kernel.problem.w.scaling = choice.kernels.front().problem.w.scaling;
  const int64_t m = kernel.problem.m;
  const double ratio = to_four_digits(ratio_for(choice, m) * result.ratio.value);
  const size_t place = place_for(choice, m);
  const auto offset = static_cast<std::ptrdiff_t>(place);
  if (place == choice.kernels.size() || choice.kernels[place].problem.m != m) {
    choice.kernels.insert(choice.kernels.begin() + offset, kernel);
    choice.seconds.insert(choice.seconds.begin() + offset, 0);
    choice.ratios.insert(choice.ratios.begin() + offset, 1);
  }
  choice.kernels[place] = std::move(kernel);
  choice.seconds[place] = to_four_digits(result.candidate_seconds);
  choice.ratios[place] = ratio;
  choice.date = date;
}

}  // namespace tern::autotune

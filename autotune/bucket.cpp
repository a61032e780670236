#include "autotune/bucket.h"

#include <algorithm>

namespace tern::autotune {

void judge(Bucket& bucket, double bytes_per_second) {
  const double usual = bucket.default_cost().seconds(bytes_per_second);
  for (Trial& trial : bucket.trials) {
    if (!trial.measured()) continue;
    if (&trial == &bucket.trials[0]) {
      trial.ratio = {1, 0, static_cast<int>(trial.surprises.size())};
      continue;
    }
    const double expected = bucket.cost(trial).seconds(bytes_per_second) / usual;
    Estimate surprise = believed(estimate(trial.surprises));
    // Given up at once, because every round was far behind: too few for an error, and clear all the same.
    if (trial.runner->dropped && trial.surprises.size() < 3 && !trial.surprises.empty())
      surprise.value = std::ranges::min(trial.surprises);
    trial.ratio = {expected * surprise.value, expected * surprise.error, surprise.count};
  }
}

size_t best_of(const Bucket& bucket) {
  size_t best = 0;
  for (size_t i = 1; i < bucket.trials.size(); ++i) {
    if (bucket.trials[i].measured() && bucket.trials[i].ratio.value < bucket.trials[best].ratio.value)
      best = i;
  }
  return best;
}

}  // namespace tern::autotune

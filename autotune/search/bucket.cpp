#include "autotune/search/bucket.h"

#include <algorithm>
#include <span>

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

void release_slow(Bucket& bucket) {
  constexpr double worth_keeping = 1.1;
  const double limit = worth_keeping * bucket.trials[best_of(bucket)].ratio.value;
  std::vector<Trial*> loaded;
  for (Trial& trial : std::span(bucket.trials).subspan(1)) {
    if (trial.runner && !trial.runner->released) loaded.push_back(&trial);
  }
  std::ranges::sort(loaded, {}, [](const Trial* trial) { return trial->ratio.value; });
  for (size_t i = 0; i < loaded.size(); ++i) {
    if (i < most_loaded && loaded[i]->ratio.value < limit) continue;
    loaded[i]->runner->released = true;
    loaded[i]->runner->kernel.kernel = {};
  }
}

}  // namespace tern::autotune

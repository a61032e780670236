#include "autotune/search/bucket.h"

#include <algorithm>
#include <span>

namespace tern::autotune {

void update_ratios(Bucket& bucket, double bytes_per_second) {
  const double default_seconds = bucket.default_cost().seconds(bytes_per_second);
  for (Evaluation& evaluation : bucket.evaluations) {
    if (!evaluation.measured()) continue;
    const std::vector<double>& errors = evaluation.prediction_errors;
    if (&evaluation == &bucket.evaluations[0]) {
      evaluation.ratio = {1, 0, static_cast<int>(errors.size())};
      continue;
    }
    const double expected = bucket.cost(evaluation).seconds(bytes_per_second) / default_seconds;
    Estimate error = shrunk(estimate(errors));
    // Dropped after too few rounds for a standard error, because it was far behind in each.
    if (evaluation.entry->dropped() && errors.size() < 3 && !errors.empty())
      error.value = std::ranges::min(errors);
    evaluation.ratio = {expected * error.value, expected * error.error, error.count};
  }
}

size_t best_of(const Bucket& bucket) {
  size_t best = 0;
  for (size_t i = 1; i < bucket.evaluations.size(); ++i) {
    if (bucket.evaluations[i].measured() &&
        bucket.evaluations[i].ratio.value < bucket.evaluations[best].ratio.value)
      best = i;
  }
  return best;
}

void release_slow(Bucket& bucket) {
  constexpr double worth_keeping = 1.1;
  const double limit = worth_keeping * bucket.evaluations[best_of(bucket)].ratio.value;
  std::vector<Evaluation*> loaded;
  for (Evaluation& evaluation : std::span(bucket.evaluations).subspan(1)) {
    if (evaluation.entry && !evaluation.entry->released) loaded.push_back(&evaluation);
  }
  std::ranges::sort(loaded, {}, [](const Evaluation* evaluation) { return evaluation->ratio.value; });
  for (size_t i = 0; i < loaded.size(); ++i) {
    if (i < max_loaded && loaded[i]->ratio.value < limit) continue;
    loaded[i]->entry->released = true;
    loaded[i]->entry->kernel.kernel = {};
  }
}

}  // namespace tern::autotune

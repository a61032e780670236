#include "autotune/offline/predict.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "autotune/search/tune.h"
#include "kernels/default_kernel.h"

namespace tern::autotune {
namespace {

// What can be predicted of one number of rows, each kernel once.
class Predictor {
 public:
  Predictor(PredictedBucket& bucket, CostModel& model, ThreadPool& pool)
      : bucket_(bucket), model_(model), pool_(pool) {}

  // True if one of them is better than all before.
  bool add(std::vector<kernels::Candidate> candidates) {
    std::erase_if(candidates, [&](const kernels::Candidate& candidate) {
      return !seen_.insert(hash(candidate.kernel)).second;
    });
    const std::vector<std::optional<Prediction>> predictions = model_.predict(candidates, pool_);
    bool better = false;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!predictions[i]) continue;
      better |= bucket_.candidates.empty() || predictions[i]->seconds < best().prediction.seconds;
      bucket_.candidates.push_back({std::move(candidates[i]), *predictions[i]});
    }
    std::ranges::stable_sort(bucket_.candidates, {},
                             [](const PredictedCandidate& one) { return one.prediction.seconds; });
    return better;
  }

  const PredictedCandidate& best() const { return bucket_.candidates.front(); }

 private:
  PredictedBucket& bucket_;
  CostModel& model_;
  ThreadPool& pool_;
  std::set<uint64_t> seen_;
};

// The candidates of one layout, the fastest of each bucket; the layout with the shortest session.
std::vector<size_t> choose(const std::vector<PredictedBucket>& buckets) {
  std::map<std::string, std::vector<size_t>> by_layout;
  for (size_t b = 0; b < buckets.size(); ++b) {
    for (size_t i = 0; i < buckets[b].candidates.size(); ++i) {
      std::vector<size_t>& chosen = by_layout[print(buckets[b].candidates[i].candidate.kernel.weights)];
      if (chosen.size() == b) chosen.push_back(i);  // they are in order: the first is the best
    }
  }
  std::vector<size_t> best;
  double best_seconds = std::numeric_limits<double>::infinity();
  for (const auto& [layout, chosen] : by_layout) {
    if (chosen.size() != buckets.size()) continue;
    double seconds = 0;
    for (size_t b = 0; b < buckets.size(); ++b)
      seconds += buckets[b].demand.calls * buckets[b].candidates[chosen[b]].prediction.seconds;
    if (seconds < best_seconds) {
      best_seconds = seconds;
      best = chosen;
    }
  }
  return best;
}

}  // namespace

PredictedShape predict_shape(const ir::Problem& problem, const std::vector<Demand>& demands,
                             const targets::Target& target, CostModel& model, ThreadPool& pool,
                             const std::function<bool()>& stop) {
  PredictedShape shape{problem, {}, {}};
  for (const Demand& demand : demands) shape.buckets.push_back({demand, 0, {}});
  std::vector<Predictor> predictors;
  for (size_t b = 0; b < demands.size(); ++b) predictors.emplace_back(shape.buckets[b], model, pool);
  for (size_t b = 0; b < demands.size(); ++b) {
    ir::Problem own = problem;
    own.m = demands[b].m;
    predictors[b].add(kernels::default_space(own, target).candidates);
    const ir::Kernel default_kernel = kernels::default_kernel(own, target);
    for (const PredictedCandidate& one : shape.buckets[b].candidates) {
      if (hash(one.candidate.kernel) == hash(default_kernel))
        shape.buckets[b].default_seconds = one.prediction.seconds;
    }
  }
  for (size_t b = 0; b < demands.size(); ++b) {
    while (!stop() && !shape.buckets[b].candidates.empty() &&
           predictors[b].add(kernels::neighbours(predictors[b].best().candidate, target, false))) {
    }
  }
  // What is best for one number of rows may be good for the others.
  for (size_t b = 0; b < demands.size() && !stop(); ++b) {
    if (shape.buckets[b].candidates.empty()) continue;
    const kernels::Candidate best = predictors[b].best().candidate;
    for (size_t other = 0; other < demands.size() && !stop(); ++other) {
      ir::Problem own = problem;
      own.m = demands[other].m;
      if (other != b) predictors[other].add(kernels::sharing_layout(best, own, target));
    }
  }
  shape.chosen = choose(shape.buckets);
  return shape;
}

Choice choice_of(const PredictedShape& shape, const Conditions& conditions) {
  Choice choice;
  choice.conditions = conditions;
  choice.predicted = true;
  choice.complete = true;
  choice.date = date_now();
  for (size_t b = 0; b < shape.buckets.size(); ++b) {
    const PredictedCandidate& one = shape.buckets[b].candidates[shape.chosen[b]];
    const double default_seconds = shape.buckets[b].default_seconds;
    choice.kernels.push_back(one.candidate.kernel);
    choice.seconds.push_back(one.prediction.seconds);
    choice.ratios.push_back(default_seconds > 0 ? one.prediction.seconds / default_seconds : 1);
  }
  return choice;
}

std::vector<Record> records_of(const PredictedShape& shape, const Conditions& conditions) {
  std::vector<Record> records;
  for (const PredictedBucket& bucket : shape.buckets) {
    for (const PredictedCandidate& one : bucket.candidates) {
      Record record;
      record.conditions = conditions;
      record.kernel = one.candidate.kernel;
      record.recipe = print(one.candidate);
      record.predicted_seconds = one.prediction.seconds;
      records.push_back(std::move(record));
    }
  }
  return records;
}

}  // namespace tern::autotune

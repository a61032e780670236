// Choosing kernels for a CPU that is not at hand: by the cost model alone.
#pragma once

#include <functional>
#include <vector>

#include "autotune/records/record.h"
#include "autotune/search/cost_model.h"
#include "autotune/search/shape_search.h"

namespace tern::autotune {

struct PredictedCandidate {
  kernels::Candidate candidate;
  Prediction prediction;
};

struct PredictedBucket {
  Demand demand;
  double default_seconds = 0;
  std::vector<PredictedCandidate> candidates;  // the best first
};

struct PredictedShape {
  ir::Problem problem;
  std::vector<PredictedBucket> buckets;
  std::vector<size_t> chosen;  // by bucket: candidates that share a layout
};

// Each recipe with its default knobs, and around the best of them what one knob more or less makes, until
// nothing is predicted to be better. `stop` is asked often; what was found until then is the answer.
PredictedShape predict_shape(const ir::Problem& problem, const std::vector<Demand>& demands,
                             const targets::Target& target, CostModel& model, ThreadPool& pool,
                             const std::function<bool()>& stop);

// As the database keeps it. Precondition: something was chosen.
Choice choice_of(const PredictedShape& shape, const Conditions& conditions);
std::vector<Record> records_of(const PredictedShape& shape, const Conditions& conditions);

}  // namespace tern::autotune

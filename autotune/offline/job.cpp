#include "autotune/offline/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kernels/default_kernel.h"

namespace tern::autotune {
namespace {

// Layouts that every bucket has candidates for, by what a session with them should take.
std::vector<std::string> layouts_by_session(const PredictedShape& shape) {
  struct Session {
    size_t buckets = 0;
    double seconds = 0;
  };
  std::map<std::string, Session> sessions;
  for (const PredictedBucket& bucket : shape.buckets) {
    std::set<std::string> seen;
    for (const PredictedCandidate& one : bucket.candidates) {
      const std::string key = kernels::layout_key(one.candidate.kernel);
      if (!seen.insert(key).second) continue;  // the first is the best
      ++sessions[key].buckets;
      sessions[key].seconds += bucket.demand.calls * one.prediction.seconds;
    }
  }
  std::erase_if(sessions, [&](const auto& entry) { return entry.second.buckets != shape.buckets.size(); });
  std::vector<std::string> keys;
  for (const auto& [key, session] : sessions) keys.push_back(key);
  std::ranges::stable_sort(keys, {}, [&](const std::string& key) { return sessions[key].seconds; });
  return keys;
}

Record record_of(const kernels::Candidate& candidate, double predicted_seconds, const std::string& target) {
  Record record;
  record.conditions = {target, 1};
  record.kernel = candidate.kernel;
  record.recipe = print(candidate);
  record.predicted_seconds = predicted_seconds;
  return record;
}

// The default kernel, whether it could be predicted or not.
Record default_record(const ir::Problem& problem, const PredictedBucket& bucket,
                      const targets::Target& target) {
  const ir::Kernel kernel = kernels::default_kernel(problem, target);
  for (const PredictedCandidate& one : bucket.candidates) {
    if (hash(one.candidate.kernel) == hash(kernel))
      return record_of(one.candidate, one.prediction.seconds, target.name);
  }
  const kernels::Recipe recipe = kernels::default_recipe(problem, target);
  return record_of({recipe, kernels::default_knobs(recipe, problem, target), kernel}, 0, target.name);
}

}  // namespace

JobShape choose_candidates(const TuneTask& task, const PredictedShape& shape, const targets::Target& target,
                           size_t count) {
  std::vector<std::string> layouts = layouts_by_session(shape);
  layouts.resize(std::min(layouts.size(), (count + 1) / 2));
  JobShape result{task.tables_share, {}};
  for (const PredictedBucket& bucket : shape.buckets) {
    ir::Problem problem = shape.problem;
    problem.m = bucket.demand.m;
    JobBucket chosen{bucket.demand, {default_record(problem, bucket, target)}};
    std::set<uint64_t> taken = {hash(chosen.candidates[0].kernel)};
    std::set<std::string> missing(layouts.begin(), layouts.end());
    missing.erase(kernels::layout_key(chosen.candidates[0].kernel));
    // First one candidate of each layout, then others with these layouts.
    for (const bool only_new_layouts : {true, false}) {
      for (const PredictedCandidate& one : bucket.candidates) {
        const std::string key = kernels::layout_key(one.candidate.kernel);
        const bool wanted = only_new_layouts ? missing.erase(key) > 0
                                             : std::ranges::find(layouts, key) != layouts.end() ||
                                                   key == kernels::layout_key(chosen.candidates[0].kernel);
        if (chosen.candidates.size() == count || !wanted || !taken.insert(hash(one.candidate.kernel)).second)
          continue;
        chosen.candidates.push_back(record_of(one.candidate, one.prediction.seconds, target.name));
      }
    }
    std::stable_sort(
        chosen.candidates.begin() + 1, chosen.candidates.end(),
        [](const Record& a, const Record& b) { return a.predicted_seconds < b.predicted_seconds; });
    result.buckets.push_back(std::move(chosen));
  }
  return result;
}

codegen::Bundle bundle_of(const Job& job) {
  codegen::Bundle bundle{bundle_name, job.made_by, {{job.target, {}}}};
  for (const JobShape& shape : job.shapes) {
    for (const JobBucket& bucket : shape.buckets) {
      for (const Record& record : bucket.candidates) {
        ir::Kernel kernel = record.kernel;
        kernel.name = fmt::format("k{:016x}", hash(kernel));
        bundle.targets[0].kernels.push_back(std::move(kernel));
      }
    }
  }
  return bundle;
}

}  // namespace tern::autotune

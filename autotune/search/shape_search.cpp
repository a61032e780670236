#include "autotune/search/shape_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>

#include "kernels/default_kernel.h"

namespace tern::autotune {
namespace {

// Rounds of the search that gain less than this share of a session's time gain nothing.
constexpr double worth_searching = 0.005;
// Candidates whose expected ratio (from cache and bytes) is within this of the best are timed from memory
// too: twice the typical prediction error. At most max_at_once of them in a race.
constexpr double worth_timing = 0.08;
constexpr size_t max_at_once = 8;
// Candidates within this of the best may be the best.
constexpr double near_the_best = 0.04;

uint64_t hash_without_prefetching(ir::Kernel kernel) {
  kernel.schedule.prefetch_bytes = 0;
  return hash(kernel);
}

// The same candidates, sorted so that those which share packed weights follow each other.
std::vector<kernels::Candidate> by_layout(std::vector<kernels::Candidate> candidates) {
  std::map<std::string, std::vector<kernels::Candidate>> groups;
  for (kernels::Candidate& candidate : candidates)
    groups[kernels::layout_key(candidate.kernel)].push_back(std::move(candidate));
  candidates.clear();
  for (auto& [layout, group] : groups) std::ranges::move(group, std::back_inserter(candidates));
  return candidates;
}

}  // namespace

ShapeSearch::ShapeSearch(const ir::Problem& problem, const std::vector<Demand>& demands, double tables_share,
                         const SearchTools& tools, uint64_t seed)
    : tools_(tools), tables_share_(tables_share), seed_(seed), timing_(tools, seed) {
  for (const Demand& demand : demands) {
    Bucket bucket;
    bucket.demand = demand;
    bucket.problem = problem;
    bucket.problem.m = demand.m;
    const kernels::Recipe recipe = kernels::default_recipe(bucket.problem, tools.target);
    bucket.default_candidate = {recipe, kernels::default_knobs(recipe, bucket.problem, tools.target),
                                kernels::default_kernel(bucket.problem, tools.target)};
    buckets_.push_back(std::move(bucket));
  }
}

Status ShapeSearch::try_defaults() {
  check_.emplace(buckets_[0].problem, tools_.pool);
  for (Bucket& bucket : buckets_) {
    tried_.erase(hash(bucket.default_candidate.kernel));
    try_all(bucket, {bucket.default_candidate});
    if (!bucket.evaluations[0].entry)
      return Error{fmt::format("the default kernel cannot be used: {}", bucket.evaluations[0].refused), {}};
  }
  return {};
}

Status ShapeSearch::begin(const std::vector<kernels::Candidate>& warm_starts) {
  if (const Status tried = try_defaults(); !tried) return tried;
  for (Bucket& bucket : buckets_) {
    if (tools_.stop()) break;
    std::vector<kernels::Candidate> first = kernels::default_space(bucket.problem, tools_.target).candidates;
    for (const kernels::Candidate& warm : warm_starts) {
      // A candidate for one number of rows says little about another.
      if ((warm.kernel.problem.m == 1) != (bucket.problem.m == 1)) continue;
      if (std::optional<kernels::Candidate> here = kernels::transferred(warm, bucket.problem, tools_.target))
        first.push_back(std::move(*here));
    }
    try_all(bucket, most_promising(std::move(first), 24));
  }
  return {};
}

// By the cost model: candidates without a prediction come last.
std::vector<kernels::Candidate> ShapeSearch::most_promising(std::vector<kernels::Candidate> candidates,
                                                            size_t count) {
  std::erase_if(candidates,
                [&](const kernels::Candidate& candidate) { return tried_.contains(hash(candidate.kernel)); });
  const std::vector<std::optional<Prediction>> predictions = tools_.model.predict(candidates, tools_.pool);
  std::vector<size_t> order(candidates.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {},
                           [&](size_t i) { return predictions[i] ? predictions[i]->seconds : 1e30; });
  std::vector<kernels::Candidate> best;
  for (const size_t i : order) {
    if (best.size() < count) best.push_back(std::move(candidates[i]));
  }
  return best;
}

void ShapeSearch::try_all(Bucket& bucket, const std::vector<kernels::Candidate>& candidates) {
  std::vector<Evaluation> evaluations;
  for (const kernels::Candidate& candidate : candidates) {
    if (!tried_.insert(hash(candidate.kernel)).second) continue;
    evaluations.emplace_back();
    evaluations.back().candidate = candidate;
    evaluations.back().layout = kernels::layout_key(candidate.kernel);
  }
  if (evaluations.empty()) return;
  // Code is made while nothing is measured.
  const std::vector<Code> codes = compile(evaluations);
  predict(evaluations);
  check(evaluations, codes);

  std::vector<size_t> added, right;
  for (Evaluation& evaluation : evaluations) {
    added.push_back(bucket.evaluations.size());
    if (evaluation.entry) right.push_back(bucket.evaluations.size());
    bucket.evaluations.push_back(std::move(evaluation));
  }
  if (!bucket.evaluations[0].entry) return;
  const std::vector<size_t> raced = time(bucket, right);
  added.insert(added.end(), raced.begin(), raced.end());
  tools_.measured(bucket, added);
}

std::vector<Code> ShapeSearch::compile(std::vector<Evaluation>& evaluations) const {
  std::vector<Code> codes(evaluations.size());
  std::atomic<size_t> next = 0;
  tools_.pool.run([&](int) {
    for (size_t i = next++; i < evaluations.size(); i = next++) {
      Expected<Code> code = compile_code(tools_.jit, evaluations[i].candidate.kernel);
      if (code)
        codes[i] = code.take();
      else
        evaluations[i].refused = code.error().message;
    }
  });
  return codes;
}

void ShapeSearch::predict(std::vector<Evaluation>& evaluations) {
  if (model_ == Model::unasked) return;
  std::vector<kernels::Candidate> candidates;
  for (const Evaluation& evaluation : evaluations) candidates.push_back(evaluation.candidate);
  const std::vector<std::optional<Prediction>> predictions = tools_.model.predict(candidates, tools_.pool);
  for (size_t i = 0; i < evaluations.size(); ++i) evaluations[i].prediction = predictions[i];
}

// Right before fast.
void ShapeSearch::check(std::vector<Evaluation>& evaluations, std::span<const Code> codes) {
  std::vector<Code> sound;
  std::vector<Evaluation*> of;
  for (size_t i = 0; i < evaluations.size(); ++i) {
    if (!evaluations[i].refused.empty()) continue;
    sound.push_back(codes[i]);
    of.push_back(&evaluations[i]);
  }
  const std::vector<std::string> wrong = check_->check_guarded(sound);
  for (size_t i = 0; i < sound.size(); ++i) {
    of[i]->refused = wrong[i];
    if (!wrong[i].empty()) continue;
    if (const Status ready = timing_.prepare(*of[i], sound[i], tables_share_); !ready)
      of[i]->refused = ready.error().message;
  }
}

std::vector<size_t> ShapeSearch::time(Bucket& bucket, const std::vector<size_t>& evaluations) {
  timing_.from_cache(bucket, evaluations, 6);
  for (const size_t i : evaluations) {
    const Evaluation& evaluation = bucket.evaluations[i];
    if (model_ == Model::taught && evaluation.prediction)
      tools_.model.learn(evaluation.candidate.recipe, bucket.cost(evaluation).cache_seconds,
                         *evaluation.prediction);
  }
  const double best = bucket.evaluations[best_of(bucket)].ratio.value;
  std::vector<size_t> near = evaluations;
  std::erase_if(near,
                [&](size_t i) { return bucket.evaluations[i].ratio.value > (1 + worth_timing) * best; });
  std::ranges::sort(near, {}, [&](size_t i) { return bucket.evaluations[i].ratio.value; });
  if (near.size() > max_at_once) near.resize(max_at_once);
  return timing_.from_memory(bucket, near, {});
}

// Gives the other buckets something that shares a candidate's packed weights.
void ShapeSearch::fill_layout(const kernels::Candidate& candidate) {
  for (Bucket& bucket : buckets_) {
    if (bucket.problem.m == candidate.kernel.problem.m || tools_.stop()) continue;
    try_all(bucket, most_promising(kernels::sharing_layout(candidate, bucket.problem, tools_.target), 4));
  }
}

double ShapeSearch::gain() const {
  const std::vector<LayoutCandidate> found = layouts();
  if (found.empty()) return 1;
  double default_seconds = 0;
  for (const Bucket& bucket : buckets_) default_seconds += bucket.session_seconds(bucket.evaluations[0]);
  return found[0].seconds / default_seconds;
}

bool ShapeSearch::refine() {
  return explore() && polish();
}

bool ShapeSearch::explore() {
  for (int rounds_without_gain = 0; rounds_without_gain < 2;) {
    if (tools_.stop()) return false;
    const size_t tried = tried_.size();
    const std::vector<LayoutCandidate> before = layouts();
    if (before.empty()) return true;
    // The schedules of the best layouts.
    for (size_t rank = 0; rank < std::min<size_t>(before.size(), 3); ++rank) {
      for (size_t b = 0; b < buckets_.size(); ++b) {
        if (tools_.stop()) return false;
        const kernels::Candidate best = buckets_[b].evaluations[before[rank].evaluations[b]].candidate;
        try_all(buckets_[b], most_promising(kernels::neighbours(best, tools_.target, true), 8));
      }
    }
    // Layouts beside the best one, as the bucket sees them that takes most of the time.
    const auto seconds_in = [&](size_t b) {
      return buckets_[b].session_seconds(buckets_[b].evaluations[before[0].evaluations[b]]);
    };
    size_t main = 0;
    for (size_t b = 1; b < buckets_.size(); ++b) main = seconds_in(b) > seconds_in(main) ? b : main;
    Bucket& bucket = buckets_[main];
    const kernels::Candidate best = bucket.evaluations[before[0].evaluations[main]].candidate;
    std::vector<kernels::Candidate> others = kernels::neighbours(best, tools_.target, false);
    std::erase_if(others, [&](const kernels::Candidate& other) {
      return kernels::same_layouts(other.kernel, best.kernel);
    });
    const size_t first_new = bucket.evaluations.size();
    try_all(bucket, most_promising(std::move(others), 6));
    const double best_ratio = bucket.evaluations[before[0].evaluations[main]].ratio.value;
    for (size_t i = first_new; i < bucket.evaluations.size(); ++i) {
      const Evaluation& evaluation = bucket.evaluations[i];
      if (evaluation.measured() && evaluation.ratio.value < (1 + near_the_best) * best_ratio)
        fill_layout(kernels::Candidate(evaluation.candidate));
    }
    if (tried_.size() == tried) return true;
    const bool gained = layouts()[0].seconds < (1 - worth_searching) * before[0].seconds;
    rounds_without_gain = gained ? 0 : rounds_without_gain + 1;
  }
  return true;
}

bool ShapeSearch::polish() {
  // Layouts that may win by what is known at the beginning: a list that grew would have no end.
  std::vector<std::string> keys;
  const std::vector<LayoutCandidate> before = layouts();
  for (const LayoutCandidate& candidate : before) {
    if (keys.size() < 2 && candidate.seconds <= (1 + near_the_best / 2) * before[0].seconds)
      keys.push_back(layout_of(candidate, buckets_));
  }
  for (const std::string& layout : keys) {
    for (Bucket& bucket : buckets_) {
      const size_t known = best_of_layout(bucket, layout, 0, 1).at(0);
      try_all(bucket,
              kernels::sharing_layout(bucket.evaluations[known].candidate, bucket.problem, tools_.target));
      for (;;) {
        if (tools_.stop()) return false;
        const std::vector<kernels::Candidate> next = around(bucket, layout);
        if (next.empty()) break;
        try_all(bucket, next);
      }
    }
  }
  return true;
}

std::vector<kernels::Candidate> ShapeSearch::around(const Bucket& bucket, const std::string& layout) const {
  std::vector<kernels::Candidate> found;
  for (const size_t i : best_of_layout(bucket, layout, worth_searching, 3)) {
    for (kernels::Candidate& candidate :
         kernels::neighbours(bucket.evaluations[i].candidate, tools_.target, true)) {
      if (!tried_.contains(hash(candidate.kernel))) found.push_back(std::move(candidate));
    }
  }
  return found;
}

bool ShapeSearch::exhaust(const std::function<void(size_t done, size_t all)>& progress) {
  model_ = Model::unasked;
  std::vector<std::vector<kernels::Candidate>> spaces;
  size_t all = 0, done = 0;
  for (const Bucket& bucket : buckets_) {
    spaces.push_back(by_layout(kernels::make_space(bucket.problem, tools_.target).candidates));
    all += spaces.back().size();
  }
  for (size_t b = 0; b < buckets_.size(); ++b) {
    Bucket& bucket = buckets_[b];
    std::vector<kernels::Candidate> default_distances;
    for (const kernels::Candidate& candidate : spaces[b]) {
      const kernels::Knobs knobs = kernels::default_knobs(candidate.recipe, bucket.problem, tools_.target);
      if (candidate.knobs.prefetch_bytes == knobs.prefetch_bytes) default_distances.push_back(candidate);
    }
    // In the progress each of these counts for its other prefetch distances too.
    const double share =
        static_cast<double>(spaces[b].size()) / static_cast<double>(default_distances.size());
    const auto tell = [&](size_t tried) {
      progress(done + static_cast<size_t>(static_cast<double>(tried) * share), all);
    };
    if (!try_in_parts(bucket, default_distances, 32, tell)) return false;
    done += spaces[b].size();
    // The other prefetch distances of candidates that may be the best.
    std::set<uint64_t> near;
    const double best = bucket.evaluations[best_of(bucket)].ratio.value;
    for (const Evaluation& evaluation : bucket.evaluations) {
      if (evaluation.measured() && evaluation.ratio.value <= (1 + near_the_best) * best)
        near.insert(hash_without_prefetching(evaluation.candidate.kernel));
    }
    std::erase_if(spaces[b], [&](const kernels::Candidate& candidate) {
      return tried_.contains(hash(candidate.kernel)) ||
             !near.contains(hash_without_prefetching(candidate.kernel));
    });
    if (!try_in_parts(bucket, spaces[b], max_at_once, [](size_t) {})) return false;
  }
  return true;
}

bool ShapeSearch::try_in_parts(Bucket& bucket, const std::vector<kernels::Candidate>& candidates,
                               size_t at_once, const std::function<void(size_t tried)>& progress) {
  for (size_t first = 0; first < candidates.size(); first += at_once) {
    if (tools_.stop()) return false;
    const size_t end = std::min(first + at_once, candidates.size());
    try_all(bucket, {candidates.begin() + static_cast<ptrdiff_t>(first),
                     candidates.begin() + static_cast<ptrdiff_t>(end)});
    progress(end);
  }
  return true;
}

Expected<bool> ShapeSearch::sample(size_t count) {
  model_ = Model::asked;
  const uint64_t seed = seed_;
  if (const Status tried = try_defaults(); !tried) return tried.error();
  for (Bucket& bucket : buckets_) {
    if (tools_.stop()) return false;
    try_all(bucket, kernels::sample_space(bucket.problem, tools_.target, count,
                                          seed + static_cast<uint64_t>(bucket.problem.m)));
  }
  return true;
}

}  // namespace tern::autotune

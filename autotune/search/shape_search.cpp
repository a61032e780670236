#include "autotune/search/shape_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>

#include "kernels/default_kernel.h"
#include "kernels/row_buckets.h"

namespace tern::autotune {
namespace {

// Gains below this are not worth more search.
constexpr double worth_searching = 0.005;
// What its time from cache and its bytes put so near to the best is timed from memory too: twice what kernels
// differ by from what is to be expected.
constexpr double worth_timing = 0.08;
// So many of them at once.
constexpr size_t most_at_once = 8;
// Layouts within this of the best are compared once more in the end.
constexpr double near_the_best = 0.04;
// So many of them, and so many kernels of each.
constexpr size_t most_finalists = 4, most_kernels_each = 2;
// Each at several places in memory, where that matters: see TrialTiming::place_anew.
int places_of_finalists(const ir::Problem& problem) {
  return kernels::is_decode(problem.m) ? 2 : 4;
}
// A difference that nobody would notice: the default kernel, which needs no record, wins such ties.
constexpr double tie = 0.01;
// So does its layout, with more to spare: which one is best hangs on how fast memory is, and that may change
// by half within an hour, where a machine is shared.
constexpr double layout_tie = 0.05;

uint64_t hash_without_prefetching(ir::Kernel kernel) {
  kernel.schedule.prefetch_bytes = 0;
  return hash(kernel);
}

// Those that share packed weights one after the other.
std::vector<kernels::Candidate> by_layout(std::vector<kernels::Candidate> candidates) {
  std::map<std::string, std::vector<kernels::Candidate>> groups;
  for (kernels::Candidate& candidate : candidates)
    groups[kernels::layout_key(candidate.kernel)].push_back(std::move(candidate));
  candidates.clear();
  for (auto& [layout, group] : groups) std::ranges::move(group, std::back_inserter(candidates));
  return candidates;
}

}  // namespace

ShapeSearch::ShapeSearch(const ir::Problem& problem, const std::vector<Use>& uses, double tables_share,
                         const SearchTools& tools, uint64_t seed)
    : tools_(tools), tables_share_(tables_share), seed_(seed), timing_(tools, seed) {
  for (const Use& use : uses) {
    Bucket bucket;
    bucket.use = use;
    bucket.problem = problem;
    bucket.problem.m = use.m;
    const kernels::Recipe recipe = kernels::default_recipe(bucket.problem, tools.target);
    bucket.fallback = {recipe, kernels::default_knobs(recipe, bucket.problem, tools.target),
                       kernels::default_kernel(bucket.problem, tools.target)};
    buckets_.push_back(std::move(bucket));
  }
}

Status ShapeSearch::try_defaults() {
  check_.emplace(buckets_[0].problem, tools_.pool);
  for (Bucket& bucket : buckets_) {
    tried_.erase(hash(bucket.fallback.kernel));
    try_all(bucket, {bucket.fallback});
    if (!bucket.trials[0].runner)
      return Error{fmt::format("the default kernel cannot be used: {}", bucket.trials[0].refused), {}};
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

// By the cost model: those without a prediction come last.
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
  std::vector<Trial> trials;
  for (const kernels::Candidate& candidate : candidates) {
    if (!tried_.insert(hash(candidate.kernel)).second) continue;
    trials.emplace_back();
    trials.back().candidate = candidate;
    trials.back().layout = kernels::layout_key(candidate.kernel);
  }
  if (trials.empty()) return;
  // Code is made while nothing is measured.
  const std::vector<Code> codes = compile(trials);
  predict(trials);
  check(trials, codes);

  std::vector<size_t> added, right;
  for (Trial& trial : trials) {
    added.push_back(bucket.trials.size());
    if (trial.runner) right.push_back(bucket.trials.size());
    bucket.trials.push_back(std::move(trial));
  }
  if (!bucket.trials[0].runner) return;
  const std::vector<size_t> raced = time(bucket, right);
  added.insert(added.end(), raced.begin(), raced.end());
  tools_.measured(bucket, added);
}

std::vector<Code> ShapeSearch::compile(std::vector<Trial>& trials) const {
  std::vector<Code> codes(trials.size());
  std::atomic<size_t> next = 0;
  tools_.pool.run([&](int) {
    for (size_t i = next++; i < trials.size(); i = next++) {
      Expected<Code> code = compile_code(tools_.jit, trials[i].candidate.kernel);
      if (code)
        codes[i] = code.take();
      else
        trials[i].refused = code.error().message;
    }
  });
  return codes;
}

void ShapeSearch::predict(std::vector<Trial>& trials) {
  if (model_ == Model::unasked) return;
  std::vector<kernels::Candidate> candidates;
  for (const Trial& trial : trials) candidates.push_back(trial.candidate);
  const std::vector<std::optional<Prediction>> predictions = tools_.model.predict(candidates, tools_.pool);
  for (size_t i = 0; i < trials.size(); ++i) trials[i].prediction = predictions[i];
}

// Right before fast.
void ShapeSearch::check(std::vector<Trial>& trials, std::span<const Code> codes) {
  std::vector<Code> sound;
  std::vector<Trial*> of;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (!trials[i].refused.empty()) continue;
    sound.push_back(codes[i]);
    of.push_back(&trials[i]);
  }
  const std::vector<std::string> wrong = check_->check_guarded(sound);
  for (size_t i = 0; i < sound.size(); ++i) {
    of[i]->refused = wrong[i];
    if (!wrong[i].empty()) continue;
    if (const Status ready = timing_.prepare(*of[i], sound[i], tables_share_); !ready)
      of[i]->refused = ready.error().message;
  }
}

std::vector<size_t> ShapeSearch::time(Bucket& bucket, const std::vector<size_t>& trials) {
  timing_.from_cache(bucket, trials, 6);
  for (const size_t i : trials) {
    const Trial& trial = bucket.trials[i];
    if (model_ == Model::taught && trial.prediction)
      tools_.model.learn(trial.candidate.recipe, bucket.cost(trial).cache_seconds, *trial.prediction);
  }
  const double best = bucket.trials[best_of(bucket)].ratio.value;
  std::vector<size_t> near = trials;
  std::erase_if(near, [&](size_t i) { return bucket.trials[i].ratio.value > (1 + worth_timing) * best; });
  std::ranges::sort(near, {}, [&](size_t i) { return bucket.trials[i].ratio.value; });
  if (near.size() > most_at_once) near.resize(most_at_once);
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
  const std::vector<Option> found = options();
  if (found.empty()) return 1;
  double usual = 0;
  for (const Bucket& bucket : buckets_) usual += bucket.session_seconds(bucket.trials[0]);
  return found[0].seconds / usual;
}

bool ShapeSearch::refine() {
  return explore() && polish();
}

bool ShapeSearch::explore() {
  for (int dull = 0; dull < 2;) {
    if (tools_.stop()) return false;
    const size_t tried = tried_.size();
    const std::vector<Option> before = options();
    if (before.empty()) return true;
    // The schedules of the best layouts.
    for (size_t rank = 0; rank < std::min<size_t>(before.size(), 3); ++rank) {
      for (size_t b = 0; b < buckets_.size(); ++b) {
        if (tools_.stop()) return false;
        const kernels::Candidate best = buckets_[b].trials[before[rank].trials[b]].candidate;
        try_all(buckets_[b], most_promising(kernels::neighbours(best, tools_.target, true), 8));
      }
    }
    // Layouts beside the best one, as the bucket sees them that takes most of the time.
    const auto seconds_in = [&](size_t b) {
      return buckets_[b].session_seconds(buckets_[b].trials[before[0].trials[b]]);
    };
    size_t main = 0;
    for (size_t b = 1; b < buckets_.size(); ++b) main = seconds_in(b) > seconds_in(main) ? b : main;
    Bucket& bucket = buckets_[main];
    const kernels::Candidate best = bucket.trials[before[0].trials[main]].candidate;
    std::vector<kernels::Candidate> others = kernels::neighbours(best, tools_.target, false);
    std::erase_if(others, [&](const kernels::Candidate& other) {
      return kernels::same_layouts(other.kernel, best.kernel);
    });
    const size_t first_new = bucket.trials.size();
    try_all(bucket, most_promising(std::move(others), 6));
    const double best_ratio = bucket.trials[before[0].trials[main]].ratio.value;
    for (size_t i = first_new; i < bucket.trials.size(); ++i) {
      const Trial& trial = bucket.trials[i];
      if (trial.measured() && trial.ratio.value < (1 + near_the_best) * best_ratio)
        fill_layout(kernels::Candidate(trial.candidate));
    }
    if (tried_.size() == tried) return true;
    dull = options()[0].seconds < (1 - worth_searching) * before[0].seconds ? 0 : dull + 1;
  }
  return true;
}

bool ShapeSearch::polish() {
  // Layouts that may win; those of the first look, so that this ends.
  std::vector<std::string> layouts;
  const std::vector<Option> before = options();
  for (const Option& option : before) {
    if (layouts.size() < 2 && option.seconds <= (1 + near_the_best / 2) * before[0].seconds)
      layouts.push_back(layout_of(option, buckets_));
  }
  for (const std::string& layout : layouts) {
    for (Bucket& bucket : buckets_) {
      const size_t known = best_of_layout(bucket, layout, 0, 1).at(0);
      try_all(bucket, kernels::sharing_layout(bucket.trials[known].candidate, bucket.problem, tools_.target));
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
         kernels::neighbours(bucket.trials[i].candidate, tools_.target, true)) {
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
    std::vector<kernels::Candidate> usual;
    for (const kernels::Candidate& candidate : spaces[b]) {
      const kernels::Knobs knobs = kernels::default_knobs(candidate.recipe, bucket.problem, tools_.target);
      if (candidate.knobs.prefetch_bytes == knobs.prefetch_bytes) usual.push_back(candidate);
    }
    // Of the space, each of these stands for its other distances too.
    const double share = static_cast<double>(spaces[b].size()) / static_cast<double>(usual.size());
    const auto tell = [&](size_t tried) {
      progress(done + static_cast<size_t>(static_cast<double>(tried) * share), all);
    };
    if (!try_in_parts(bucket, usual, 32, tell)) return false;
    done += spaces[b].size();
    // The other distances of what may be the best.
    std::set<uint64_t> near;
    const double best = bucket.trials[best_of(bucket)].ratio.value;
    for (const Trial& trial : bucket.trials) {
      if (trial.measured() && trial.ratio.value <= (1 + near_the_best) * best)
        near.insert(hash_without_prefetching(trial.candidate.kernel));
    }
    std::erase_if(spaces[b], [&](const kernels::Candidate& candidate) {
      return tried_.contains(hash(candidate.kernel)) ||
             !near.contains(hash_without_prefetching(candidate.kernel));
    });
    if (!try_in_parts(bucket, spaces[b], most_at_once, [](size_t) {})) return false;
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

bool ShapeSearch::race_finalists() {
  const std::string usual = kernels::layout_key(buckets_[0].fallback.kernel);
  std::vector<std::string> layouts;
  const std::vector<Option> all = options();
  for (const Option& option : all) {
    const std::string& layout = layout_of(option, buckets_);
    const bool near = option.seconds <= (1 + near_the_best) * all[0].seconds;
    if ((near && layouts.size() < most_finalists) || layout == usual) layouts.push_back(layout);
  }
  bool raced = false;
  for (Bucket& bucket : buckets_) {
    std::vector<size_t> entered = {0};
    for (const std::string& layout : layouts) {
      const std::vector<size_t> best = best_of_layout(bucket, layout, near_the_best / 2, most_kernels_each);
      entered.insert(entered.end(), best.begin(), best.end());
    }
    std::ranges::sort(entered);
    entered.erase(std::unique(entered.begin(), entered.end()), entered.end());
    if (std::ranges::all_of(entered, [&](size_t i) { return bucket.trials[i].in_finals; })) continue;
    for (const size_t i : entered) {
      bucket.trials[i].runner->dropped = false;
      bucket.trials[i].in_finals = true;
    }
    timing_.from_cache(bucket, entered, 12);
    RaceRules rules;
    rules.least_rounds = 4;
    rules.most_rounds = 8;
    for (int place = 0; place < places_of_finalists(bucket.problem) && !tools_.stop(); ++place) {
      if (place > 0) timing_.place_anew(bucket, entered);
      tools_.measured(bucket, timing_.from_memory(bucket, entered, rules));
    }
    raced = true;
  }
  return raced;
}

std::vector<Option> ShapeSearch::decide() {
  if (options().empty()) return {};
  // Whoever is first among many was lucky too: the best run again, until whoever is first then did so.
  constexpr int most_times = 6;
  for (int times = 0; times < most_times && race_finalists(); ++times) {
  }
  std::vector<Option> finalists = best_options(buckets_, Among::finalists);
  const std::string usual = kernels::layout_key(buckets_[0].fallback.kernel);
  for (Option& option : finalists) {
    if (layout_of(option, buckets_) != usual) continue;
    option.seconds = 0;
    for (size_t b = 0; b < buckets_.size(); ++b) {
      const Bucket& bucket = buckets_[b];
      // The default kernel wins ties.
      if (bucket.trials[option.trials[b]].ratio.value > 1 - tie) option.trials[b] = 0;
      option.seconds += bucket.session_seconds(bucket.trials[option.trials[b]]);
    }
  }
  std::ranges::sort(finalists, {}, &Option::seconds);
  // So does the default layout.
  const auto usual_option = std::ranges::find_if(
      finalists, [&](const Option& option) { return layout_of(option, buckets_) == usual; });
  if (usual_option != finalists.end() && usual_option->seconds < (1 + layout_tie) * finalists[0].seconds)
    std::rotate(finalists.begin(), usual_option, usual_option + 1);
  return finalists;
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

#include "autotune/shape_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "autotune/default_kernel.h"
#include "ir/interpret.h"

namespace tern::autotune {
namespace {

// Gains below this are not worth more search.
constexpr double worth_searching = 0.005;
// What is so many times slower than the best is not needed for any layout.
constexpr double hopeless = 1.5;
// What its time from cache and its bytes put so near to the best is timed from memory too: twice what kernels
// differ by from what is to be expected.
constexpr double worth_timing = 0.08;
// So many of them at once.
constexpr size_t most_at_once = 8;
// Layouts within this of the best are compared once more in the end.
constexpr double near_the_best = 0.04;
// A difference that nobody would notice: the default kernel, which needs no record, wins such ties.
constexpr double tie = 0.01;

std::string layout_key(const ir::Kernel& kernel) {
  return print(kernel.weights) + (kernel.scales ? print(*kernel.scales) : std::string());
}

// The tables of all rows, built by one thread after another row as a model does it.
double time_tables(const codegen::CompiledKernel& tables, int threads) {
  std::vector<Pages> memory;
  std::vector<void*> pointers;
  for (const ir::Buffer& buffer : tables.program().buffers) {
    const auto bytes = static_cast<size_t>(buffer.size * size_in_bytes(buffer.element));
    Expected<Pages> pages = Pages::allocate(bytes + 4096, Pages::Children::lack);
    if (!pages) return 0;
    memory.push_back(pages.take());
    pointers.push_back(memory.back().data());
  }
  const std::vector<ir::Range> ranges = full_ranges(tables.program());
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    tables(pointers, ranges);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const int64_t rows = ranges.empty() ? 1 : ranges[0].end;
  return median(seconds) / static_cast<double>(std::min<int64_t>(threads, rows));
}

// The trial that should be fastest.
size_t best_of(const Bucket& bucket) {
  size_t best = 0;
  for (size_t i = 1; i < bucket.trials.size(); ++i) {
    const Trial& trial = bucket.trials[i];
    if (trial.measured() && !trial.runner->released && trial.ratio.value < bucket.trials[best].ratio.value)
      best = i;
  }
  return best;
}

}  // namespace

ShapeSearch::ShapeSearch(const ir::Problem& problem, const std::vector<Use>& uses, double tables_share,
                         const SearchTools& tools, uint64_t seed)
    : tools_(tools), tables_share_(tables_share), seed_(seed) {
  for (const Use& use : uses) {
    Bucket bucket;
    bucket.use = use;
    bucket.problem = problem;
    bucket.problem.m = use.m;
    const Recipe recipe = default_recipe(bucket.problem, tools.target);
    bucket.fallback = {recipe, default_knobs(recipe, bucket.problem, tools.target),
                       default_kernel(bucket.problem, tools.target)};
    buckets_.push_back(std::move(bucket));
  }
}

Status ShapeSearch::try_defaults() {
  for (Bucket& bucket : buckets_) {
    checks_.emplace(bucket.problem.m, std::make_unique<ExactCheck>(bucket.problem));
    tried_.erase(hash(bucket.fallback.kernel));
    try_all(bucket, {bucket.fallback});
    if (!bucket.trials[0].runner)
      return Error{fmt::format("the default kernel cannot be used: {}", bucket.trials[0].refused), {}};
  }
  return {};
}

Status ShapeSearch::begin(const std::vector<Candidate>& warm_starts) {
  if (const Status tried = try_defaults(); !tried) return tried;
  for (Bucket& bucket : buckets_) {
    if (tools_.stop()) break;
    std::vector<Candidate> first = default_space(bucket.problem, tools_.target).candidates;
    for (const Candidate& warm : warm_starts) {
      // A candidate for one number of rows says little about another.
      if ((warm.kernel.problem.m == 1) != (bucket.problem.m == 1)) continue;
      if (std::optional<Candidate> here = transferred(warm, bucket.problem, tools_.target))
        first.push_back(std::move(*here));
    }
    try_all(bucket, most_promising(std::move(first), 24));
  }
  return {};
}

// By the cost model: those without a prediction come last.
std::vector<Candidate> ShapeSearch::most_promising(std::vector<Candidate> candidates, size_t count) {
  std::erase_if(candidates,
                [&](const Candidate& candidate) { return tried_.contains(hash(candidate.kernel)); });
  const std::vector<std::optional<Prediction>> predictions = tools_.model.predict(candidates, tools_.crew);
  std::vector<size_t> order(candidates.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {},
                           [&](size_t i) { return predictions[i] ? predictions[i]->seconds : 1e30; });
  std::vector<Candidate> best;
  for (const size_t i : order) {
    if (best.size() < count) best.push_back(std::move(candidates[i]));
  }
  return best;
}

void ShapeSearch::try_all(Bucket& bucket, const std::vector<Candidate>& candidates) {
  std::vector<Trial> trials;
  for (const Candidate& candidate : candidates) {
    if (tried_.insert(hash(candidate.kernel)).second) {
      trials.emplace_back();
      trials.back().candidate = candidate;
    }
  }
  if (trials.empty()) return;

  // Code is made while nothing is measured.
  std::vector<Code> codes(trials.size());
  std::atomic<size_t> next = 0;
  tools_.crew.run([&](int) {
    for (size_t i = next++; i < trials.size(); i = next++) {
      const ir::Kernel& kernel = trials[i].candidate.kernel;
      Expected<codegen::CompiledKernel> code = tools_.jit.compile(kernel);
      if (!code) {
        trials[i].refused = code.error().message;
        continue;
      }
      codes[i].kernel = code.take();
      if (kernel.compute.strategy != ir::Strategy::lookup) continue;
      Expected<codegen::CompiledKernel> tables = tools_.jit.compile_tables(kernel);
      if (tables)
        codes[i].tables = tables.take();
      else
        trials[i].refused = tables.error().message;
    }
  });
  std::vector<Candidate> made;
  for (const Trial& trial : trials) made.push_back(trial.candidate);
  const std::vector<std::optional<Prediction>> predictions = tools_.model.predict(made, tools_.crew);

  // Right before fast.
  std::vector<Code> sound;
  std::vector<size_t> sound_index;
  for (size_t i = 0; i < trials.size(); ++i) {
    trials[i].prediction = predictions[i];
    if (!trials[i].refused.empty()) continue;
    sound.push_back(codes[i]);
    sound_index.push_back(i);
  }
  const std::vector<std::string> wrong = checks_.at(bucket.problem.m)->check_guarded(sound);
  for (size_t i = 0; i < sound.size(); ++i) {
    Trial& trial = trials[sound_index[i]];
    trial.refused = wrong[i];
    if (!trial.refused.empty()) continue;
    Expected<TimedKernel> timed = tools_.timer.prepare(sound[i].kernel);
    if (!timed) {
      trial.refused = timed.error().message;
      continue;
    }
    trial.runner.emplace();
    trial.runner->kernel = timed.take();
    const ir::Buffer& weights = sound[i].kernel.program().buffers[0];
    trial.weight_bytes = static_cast<double>(weights.size * size_in_bytes(weights.element));
    trial.tables = sound[i].tables;
    if (trial.tables)
      trial.tables_seconds = tables_share_ * time_tables(*trial.tables, tools_.timer.threads());
  }

  std::vector<size_t> added;
  for (Trial& trial : trials) {
    if (trial.runner) added.push_back(bucket.trials.size());
    bucket.trials.push_back(std::move(trial));
  }
  if (!bucket.trials[0].runner) return;
  time_from_cache(bucket, added, 6);
  const double best = bucket.trials[best_of(bucket)].ratio.value;
  std::erase_if(added, [&](size_t i) { return bucket.trials[i].ratio.value > (1 + worth_timing) * best; });
  std::ranges::sort(added, {}, [&](size_t i) { return bucket.trials[i].ratio.value; });
  if (added.size() > most_at_once) added.resize(most_at_once);
  time_from_memory(bucket, added, {});
  tools_.measured(bucket);
}

void ShapeSearch::time_from_cache(Bucket& bucket, const std::vector<size_t>& trials, int most_rounds) {
  std::vector<Runner*> runners;
  for (const size_t i : trials) runners.push_back(&*bucket.trials[i].runner);
  if (runners.empty()) return;
  RaceRules rules;
  rules.from = Weights::cache;
  rules.least_rounds = 3;
  rules.most_rounds = most_rounds;
  rules.stop = tools_.stop;
  const RaceResult result =
      race(tools_.timer, bucket.trials[0].runner->kernel, runners, rules, seed_ += 1000);
  if (bucket.default_cache_seconds == 0) bucket.default_cache_seconds = result.baseline_seconds;
  bucket.default_cache_seconds = std::min(bucket.default_cache_seconds, result.baseline_seconds);
  judge(bucket);
  const double best = bucket.trials[best_of(bucket)].ratio.value;
  for (const size_t i : trials) {
    Trial& trial = bucket.trials[i];
    if (trial.prediction && learns_)
      tools_.model.learn(trial.candidate.recipe, bucket.cost(trial).cache_seconds, *trial.prediction);
    // Nobody will run it again.
    if (i == 0 || trial.ratio.value < hopeless * best) continue;
    trial.runner->released = true;
    trial.runner->kernel.kernel = {};
  }
}

// With what is best so far, or the new would only be compared with each other.
void ShapeSearch::time_from_memory(Bucket& bucket, std::vector<size_t> trials, const RaceRules& rules) {
  std::erase_if(trials, [&](size_t i) { return bucket.trials[i].runner->released; });
  if (trials.empty()) return;
  const size_t best = best_of(bucket);
  if (std::ranges::find(trials, best) == trials.end()) trials.push_back(best);
  std::vector<Runner*> runners;
  std::vector<size_t> rounds_before;
  for (const size_t i : trials) {
    runners.push_back(&*bucket.trials[i].runner);
    rounds_before.push_back(runners.back()->from_memory.ratios.size());
  }
  RaceRules own = rules;
  own.stop = tools_.stop;
  const RaceResult result = race(tools_.timer, bucket.trials[0].runner->kernel, runners, own, seed_ += 1000);
  if (result.rounds >= 3) bucket.noises.push_back(result.noise);
  bucket.control.insert(bucket.control.end(), result.control.begin(), result.control.end());
  if (bucket.default_seconds == 0) bucket.default_seconds = result.baseline_seconds;
  bucket.default_seconds = std::min(bucket.default_seconds, result.baseline_seconds);

  const CallCost usual = bucket.default_cost();
  const std::optional<double> bandwidth =
      implied_bandwidth(usual.cache_seconds, result.baseline_seconds, usual.weight_bytes);
  if (bandwidth && result.rounds >= rules.least_rounds)
    tools_.bytes_per_second = std::max(tools_.bytes_per_second, *bandwidth);
  const double now = bandwidth.value_or(tools_.bytes_per_second);
  for (size_t entered = 0; entered < trials.size(); ++entered) {
    Trial& trial = bucket.trials[trials[entered]];
    const double expected = bucket.cost(trial).seconds(now) / usual.seconds(now);
    const std::vector<double>& ratios = trial.runner->from_memory.ratios;
    for (size_t i = rounds_before[entered]; i < ratios.size(); ++i)
      trial.surprises.push_back(ratios[i] / expected);
  }
  judge(bucket);
}

// What to expect of each, with memory at its fastest.
void ShapeSearch::judge(Bucket& bucket) const {
  const double usual = bucket.default_cost().seconds(tools_.bytes_per_second);
  for (Trial& trial : bucket.trials) {
    if (!trial.measured()) continue;
    if (&trial == &bucket.trials[0]) {
      trial.ratio = {1, 0, static_cast<int>(trial.surprises.size())};
      continue;
    }
    const double expected = bucket.cost(trial).seconds(tools_.bytes_per_second) / usual;
    Estimate surprise = believed(estimate(trial.surprises));
    // Given up at once, because every round was far behind: too few for an error, and clear all the same.
    if (trial.runner->dropped && trial.surprises.size() < 3 && !trial.surprises.empty())
      surprise.value = std::ranges::min(trial.surprises);
    trial.ratio = {expected * surprise.value, expected * surprise.error, surprise.count};
  }
}

// Gives the other buckets something that shares a candidate's packed weights.
void ShapeSearch::fill_layout(const Candidate& candidate) {
  for (Bucket& bucket : buckets_) {
    if (bucket.problem.m == candidate.kernel.problem.m || tools_.stop()) continue;
    try_all(bucket, most_promising(sharing_layout(candidate, bucket.problem, tools_.target), 4));
  }
}

std::vector<Option> ShapeSearch::options() const {
  std::map<std::string, Option> by_layout;
  for (size_t b = 0; b < buckets_.size(); ++b) {
    const Bucket& bucket = buckets_[b];
    for (size_t i = 0; i < bucket.trials.size(); ++i) {
      const Trial& trial = bucket.trials[i];
      if (!trial.measured()) continue;
      const std::string key = layout_key(trial.candidate.kernel);
      if (b > 0 && !by_layout.contains(key)) continue;
      Option& option = by_layout[key];
      if (option.trials.size() == b) option.trials.push_back(i);
      if (option.trials.size() != b + 1) continue;
      const auto cost = [&](size_t index) {
        const Trial& one = bucket.trials[index];
        return one.seconds(bucket.default_seconds) + one.tables_seconds;
      };
      if (cost(i) < cost(option.trials[b])) option.trials[b] = i;
    }
  }
  std::vector<Option> options;
  for (auto& [key, option] : by_layout) {
    if (option.trials.size() != buckets_.size()) continue;
    for (size_t b = 0; b < buckets_.size(); ++b) {
      const Trial& trial = buckets_[b].trials[option.trials[b]];
      option.seconds +=
          buckets_[b].use.calls * (trial.seconds(buckets_[b].default_seconds) + trial.tables_seconds);
    }
    options.push_back(std::move(option));
  }
  std::ranges::sort(options, {}, &Option::seconds);
  return options;
}

double ShapeSearch::gain() const {
  const std::vector<Option> found = options();
  double usual = 0;
  for (const Bucket& bucket : buckets_) usual += bucket.use.calls * bucket.default_seconds;
  return found.empty() || usual == 0 ? 1 : found[0].seconds / usual;
}

bool ShapeSearch::refine() {
  for (int dull = 0; dull < 2;) {
    if (tools_.stop()) return false;
    const size_t tried = tried_.size();
    const std::vector<Option> before = options();
    if (before.empty()) return true;
    // The schedules of the best layouts.
    for (size_t rank = 0; rank < std::min<size_t>(before.size(), 3); ++rank) {
      for (size_t b = 0; b < buckets_.size(); ++b) {
        if (tools_.stop()) return false;
        const Candidate best = buckets_[b].trials[before[rank].trials[b]].candidate;
        try_all(buckets_[b], most_promising(neighbours(best, tools_.target, true), 8));
      }
    }
    // Layouts beside the best one, as the bucket sees them that takes most of the time.
    const auto seconds_in = [&](size_t b) {
      return buckets_[b].use.calls *
             buckets_[b].trials[before[0].trials[b]].seconds(buckets_[b].default_seconds);
    };
    size_t main = 0;
    for (size_t b = 1; b < buckets_.size(); ++b) main = seconds_in(b) > seconds_in(main) ? b : main;
    Bucket& bucket = buckets_[main];
    const Candidate best = bucket.trials[before[0].trials[main]].candidate;
    std::vector<Candidate> others = neighbours(best, tools_.target, false);
    std::erase_if(others, [&](const Candidate& other) { return same_layouts(other.kernel, best.kernel); });
    const size_t first_new = bucket.trials.size();
    try_all(bucket, most_promising(std::move(others), 6));
    const double best_ratio = bucket.trials[before[0].trials[main]].ratio.value;
    for (size_t i = first_new; i < bucket.trials.size(); ++i) {
      const Trial& trial = bucket.trials[i];
      if (trial.measured() && trial.ratio.value < (1 + near_the_best) * best_ratio)
        fill_layout(Candidate(trial.candidate));
    }
    if (tried_.size() == tried) return true;
    dull = options()[0].seconds < (1 - worth_searching) * before[0].seconds ? 0 : dull + 1;
  }
  return true;
}

bool ShapeSearch::exhaust(const std::function<void(size_t done, size_t all)>& progress) {
  std::vector<std::vector<Candidate>> spaces;
  size_t all = 0, done = 0;
  for (const Bucket& bucket : buckets_) {
    spaces.push_back(make_space(bucket.problem, tools_.target).candidates);
    all += spaces.back().size();
  }
  constexpr size_t at_once = 32;
  for (size_t b = 0; b < buckets_.size(); ++b) {
    for (size_t first = 0; first < spaces[b].size(); first += at_once) {
      if (tools_.stop()) return false;
      const size_t end = std::min(first + at_once, spaces[b].size());
      try_all(buckets_[b], {spaces[b].begin() + static_cast<ptrdiff_t>(first),
                            spaces[b].begin() + static_cast<ptrdiff_t>(end)});
      progress(done += end - first, all);
    }
  }
  return true;
}

std::vector<Option> ShapeSearch::decide() {
  const std::vector<Option> before = options();
  if (before.empty()) return before;
  // Whoever was first among many was lucky too: the best run again.
  std::vector<Option> finalists;
  for (const Option& option : before) {
    if (finalists.size() < 4 && option.seconds <= (1 + near_the_best) * before[0].seconds)
      finalists.push_back(option);
  }
  const std::string usual = layout_key(buckets_[0].fallback.kernel);
  const auto has_usual_layout = [&](const Option& option) {
    return layout_key(buckets_[0].trials[option.trials[0]].candidate.kernel) == usual;
  };
  for (const Option& option : before) {
    if (has_usual_layout(option) && std::ranges::none_of(finalists, has_usual_layout))
      finalists.push_back(option);
  }
  for (size_t b = 0; b < buckets_.size(); ++b) {
    Bucket& bucket = buckets_[b];
    std::vector<size_t> entered = {0};
    for (const Option& option : finalists) entered.push_back(option.trials[b]);
    std::ranges::sort(entered);
    entered.erase(std::unique(entered.begin(), entered.end()), entered.end());
    std::erase_if(entered, [&](size_t i) { return bucket.trials[i].runner->released; });
    for (const size_t i : entered) bucket.trials[i].runner->dropped = false;
    time_from_cache(bucket, entered, 12);
    RaceRules rules;
    rules.least_rounds = 8;
    rules.most_rounds = 24;
    time_from_memory(bucket, entered, rules);
    tools_.measured(bucket);
  }
  for (Option& option : finalists) {
    option.seconds = 0;
    for (size_t b = 0; b < buckets_.size(); ++b) {
      Bucket& bucket = buckets_[b];
      // The default kernel wins ties.
      const bool shares =
          layout_key(bucket.fallback.kernel) == layout_key(bucket.trials[option.trials[b]].candidate.kernel);
      if (shares && bucket.trials[option.trials[b]].ratio.value > 1 - tie) option.trials[b] = 0;
      const Trial& trial = bucket.trials[option.trials[b]];
      option.seconds += bucket.use.calls * (trial.seconds(bucket.default_seconds) + trial.tables_seconds);
    }
  }
  std::ranges::sort(finalists, {}, &Option::seconds);
  // So does the default layout.
  const auto usual_option = std::ranges::find_if(finalists, has_usual_layout);
  if (usual_option != finalists.end() && usual_option->seconds < (1 + tie) * finalists[0].seconds)
    std::rotate(finalists.begin(), usual_option, usual_option + 1);
  return finalists;
}

Expected<bool> ShapeSearch::sample(size_t count) {
  learns_ = false;
  const uint64_t seed = seed_;
  if (const Status tried = try_defaults(); !tried) return tried.error();
  for (Bucket& bucket : buckets_) {
    if (tools_.stop()) return false;
    try_all(bucket, sample_space(bucket.problem, tools_.target, count,
                                 seed + static_cast<uint64_t>(bucket.problem.m)));
  }
  return true;
}

}  // namespace tern::autotune

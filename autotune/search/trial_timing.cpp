#include "autotune/search/trial_timing.h"

#include <algorithm>
#include <atomic>

namespace tern::autotune {
namespace {

// Zero: nothing is known yet.
void lower(double& least, double seconds) {
  if (least == 0 || seconds < least) least = seconds;
}

}  // namespace

Status TrialTiming::prepare(Trial& trial, const Code& code, double tables_share) {
  Expected<TimedKernel> timed = tools_.timer.prepare(code.kernel);
  if (!timed) return timed.error();
  trial.runner.emplace();
  trial.runner->kernel = timed.take();
  trial.weight_bytes = static_cast<double>(packed_bytes(code.kernel.program()));
  trial.tables_seconds = tables_share * time_preparations(code, tools_.timer.threads());
  return {};
}

// What was released may yet be the best of its layout. It was compiled before: if that fails now, it is out.
void TrialTiming::revive(Bucket& bucket, std::vector<size_t>& trials) {
  std::erase_if(trials, [&](size_t i) {
    Runner& runner = *bucket.trials[i].runner;
    if (!runner.released) return false;
    Expected<codegen::CompiledKernel> code = tools_.jit.compile(bucket.trials[i].candidate.kernel);
    if (!code) return true;
    runner.kernel.kernel = code.take();
    runner.released = false;
    return false;
  });
}

void TrialTiming::place_anew(Bucket& bucket, const std::vector<size_t>& trials) {
  // All before the first is freed, or the next would get its place.
  std::vector<Expected<codegen::CompiledKernel>> codes(trials.size(), codegen::CompiledKernel());
  std::atomic<size_t> next = 0;
  tools_.pool.run([&](int) {
    for (size_t i = next++; i < trials.size(); i = next++)
      codes[i] = tools_.jit.compile(bucket.trials[trials[i]].candidate.kernel);
  });
  for (size_t i = 0; i < trials.size(); ++i) {
    if (!codes[i]) continue;
    Runner& runner = *bucket.trials[trials[i]].runner;
    runner.kernel.kernel = codes[i].take();
    runner.released = false;
  }
}

void TrialTiming::from_cache(Bucket& bucket, std::vector<size_t> trials, int most_rounds) {
  revive(bucket, trials);
  if (trials.empty()) return;
  std::vector<Runner*> runners;
  for (const size_t i : trials) runners.push_back(&*bucket.trials[i].runner);
  RaceRules rules;
  rules.from = Weights::cache;
  rules.least_rounds = 3;
  rules.most_rounds = most_rounds;
  rules.stop = tools_.stop;
  const RaceResult result =
      race(tools_.timer, bucket.trials[0].runner->kernel, runners, rules, seed_ += 1000);
  lower(bucket.default_cache_seconds, result.baseline_shortest);
  judge(bucket, tools_.bytes_per_second);
  release_slow(bucket);
}

std::vector<size_t> TrialTiming::from_memory(Bucket& bucket, std::vector<size_t> trials,
                                             const RaceRules& rules) {
  if (trials.empty()) return {};
  const size_t best = best_of(bucket);
  if (std::ranges::find(trials, best) == trials.end()) trials.push_back(best);
  revive(bucket, trials);
  std::vector<Runner*> runners;
  std::vector<size_t> rounds_before;
  for (const size_t i : trials) {
    runners.push_back(&*bucket.trials[i].runner);
    rounds_before.push_back(runners.back()->from_memory.ratios.size());
  }
  RaceRules own = rules;
  own.stop = tools_.stop;
  const RaceResult result = race(tools_.timer, bucket.trials[0].runner->kernel, runners, own, seed_ += 1000);
  if (result.rounds == 0) return {};
  if (result.rounds >= 3) bucket.noises.push_back(result.noise);
  bucket.control.insert(bucket.control.end(), result.control.begin(), result.control.end());
  lower(bucket.default_seconds, result.baseline_seconds);

  const CallCost usual = bucket.default_cost();
  const auto bandwidth = [&](double seconds) {
    return implied_bandwidth(usual.cache_seconds, seconds, usual.weight_bytes)
        .value_or(tools_.bytes_per_second);
  };
  // Memory may be fast for one round only, while others rest.
  tools_.bytes_per_second = std::max(tools_.bytes_per_second, bandwidth(result.baseline_shortest));
  const double now = bandwidth(result.baseline_seconds);
  for (size_t entered = 0; entered < trials.size(); ++entered) {
    Trial& trial = bucket.trials[trials[entered]];
    const double expected = bucket.cost(trial).seconds(now) / usual.seconds(now);
    const std::vector<double>& ratios = trial.runner->from_memory.ratios;
    for (size_t i = rounds_before[entered]; i < ratios.size(); ++i)
      trial.surprises.push_back(ratios[i] / expected);
  }
  judge(bucket, tools_.bytes_per_second);
  return trials;
}

}  // namespace tern::autotune

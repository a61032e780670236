#include "autotune/search/thread_search.h"

#include <algorithm>
#include <cassert>
#include <set>

#include "autotune/measure/race.h"
#include "base/statistics.h"

namespace tern::autotune {
namespace {

constexpr double tie = 0.02;
constexpr RaceRules rules = {.min_rounds = 3, .max_rounds = 9, .far_rounds = 1, .far = 2};

using What = double ThreadSample::*;

What decoding(Objective objective) {
  return objective == Objective::time ? &ThreadSample::decode_seconds : &ThreadSample::decode_joules;
}
What prefilling(Objective objective) {
  return objective == Objective::time ? &ThreadSample::prefill_seconds : &ThreadSample::prefill_joules;
}

const ThreadMeasurement& min_of(const std::vector<ThreadMeasurement>& measurements, What what) {
  return *std::ranges::min_element(measurements, {},
                                   [&](const ThreadMeasurement& one) { return one.median_of(what); });
}

std::vector<double> ratios(const ThreadMeasurement& one, const ThreadMeasurement& best, What what) {
  return paired_ratios(one.by_round(what), best.by_round(what));
}

// Of the candidates that are as good as the best, the one with the lowest rank.
template <class Rank>
const ThreadMeasurement& best_by(const std::vector<ThreadMeasurement>& measurements, What what, Rank rank) {
  const ThreadMeasurement& best = min_of(measurements, what);
  const ThreadMeasurement* chosen = &best;
  for (const ThreadMeasurement& one : measurements) {
    if (median(ratios(one, best, what)) <= 1 + tie && rank(one) < rank(*chosen)) chosen = &one;
  }
  return *chosen;
}

const ThreadMeasurement& best_of(const std::vector<ThreadMeasurement>& measurements, Objective objective,
                                 What what, What seconds) {
  return objective == Objective::time
             ? best_by(measurements, what, [](const ThreadMeasurement& one) { return one.candidate.threads; })
             : best_by(measurements, what,
                       [=](const ThreadMeasurement& one) { return one.median_of(seconds); });
}

ThreadDecision decide_alike(const std::vector<ThreadMeasurement>& measurements, Objective objective) {
  const ThreadMeasurement& decode =
      best_of(measurements, objective, decoding(objective), &ThreadSample::decode_seconds);
  const ThreadMeasurement& prefill =
      best_of(measurements, objective, prefilling(objective), &ThreadSample::prefill_seconds);
  return {decode.candidate,
          prefill.candidate,
          decode.median_of(&ThreadSample::decode_seconds),
          prefill.median_of(&ThreadSample::prefill_seconds),
          decode.median_of(&ThreadSample::decode_joules),
          prefill.median_of(&ThreadSample::prefill_joules)};
}

}  // namespace

std::vector<double> ThreadMeasurement::by_round(double ThreadSample::*what) const {
  std::vector<double> values;
  for (const ThreadSample& sample : samples) values.push_back(sample.*what);
  return values;
}

double ThreadMeasurement::median_of(double ThreadSample::*what) const {
  return median(by_round(what));
}

std::vector<ThreadCandidate> thread_candidates(const targets::Host& host) {
  const int cores = host.target.cores.value_or(1);
  std::set<int> counts = {1, cores, host.hardware_threads};
  for (int threads = 2; threads < cores; threads *= 2) counts.insert(threads);
  std::vector<ThreadCandidate> candidates;
  for (const int threads : counts) {
    candidates.push_back({threads, false});
    if (static_cast<size_t>(threads) <= host.processors.size()) candidates.push_back({threads, true});
  }
  return candidates;
}

Expected<std::vector<ThreadMeasurement>> search_threads(const std::vector<ThreadCandidate>& candidates,
                                                        Objective objective, const MeasureThreads& measure,
                                                        const std::function<bool()>& stop,
                                                        const std::function<bool()>& interrupted) {
  const What decode = decoding(objective), prefill = prefilling(objective);
  std::vector<ThreadMeasurement> measurements;
  for (const ThreadCandidate& candidate : candidates) measurements.push_back({candidate, {}});
  for (int round = 0; round < rules.max_rounds; ++round) {
    if (round >= rules.min_rounds && stop()) break;
    // To and fro, so that what follows what is not always the same.
    std::ranges::reverse(measurements);
    for (ThreadMeasurement& one : measurements) {
      if (interrupted()) return measurements;
      const Expected<ThreadSample> sample = measure(one.candidate);
      if (!sample) return sample.error();
      one.samples.push_back(*sample);
    }
    const ThreadMeasurement best_decode = min_of(measurements, decode),
                            best_prefill = min_of(measurements, prefill);
    std::erase_if(measurements, [&](const ThreadMeasurement& one) {
      return is_far_behind(ratios(one, best_decode, decode), 1, rules) &&
             is_far_behind(ratios(one, best_prefill, prefill), 1, rules);
    });
  }
  return measurements;
}

ThreadDecision decide_threads(const std::vector<ThreadMeasurement>& measurements,
                              const SessionLength& session, Objective objective) {
  assert(!measurements.empty());
  std::vector<ThreadMeasurement> free, bound;
  for (const ThreadMeasurement& one : measurements) (one.candidate.bound ? bound : free).push_back(one);
  if (free.empty()) return decide_alike(bound, objective);
  if (bound.empty()) return decide_alike(free, objective);
  const ThreadDecision moving = decide_alike(free, objective), staying = decide_alike(bound, objective);
  const auto cost = [&](const ThreadDecision& decision) {
    return objective == Objective::time
               ? session.tokens * decision.decode_seconds + session.prompts * decision.prefill_seconds
               : session.tokens * decision.decode_joules + session.prompts * decision.prefill_joules;
  };
  return cost(staying) * (1 + tie) < cost(moving) ? staying : moving;
}

}  // namespace tern::autotune

#include "autotune/search/thread_search.h"

#include <algorithm>
#include <cassert>
#include <set>

#include "base/statistics.h"

namespace tern::autotune {
namespace {

constexpr double tie = 0.02;
constexpr int least_rounds = 3, most_rounds = 9;
constexpr double hopeless = 2;

using What = double ThreadSample::*;

What decoding(Objective objective) {
  return objective == Objective::time ? &ThreadSample::decode_seconds : &ThreadSample::decode_joules;
}
What prefilling(Objective objective) {
  return objective == Objective::time ? &ThreadSample::prefill_seconds : &ThreadSample::prefill_joules;
}

double least_of(const std::vector<ThreadTrial>& trials, What what) {
  double least = trials[0].median_of(what);
  for (const ThreadTrial& trial : trials) least = std::min(least, trial.median_of(what));
  return least;
}

// Of those that are as good as the best: the one with the least of that.
template <class Rank>
const ThreadTrial& least(const std::vector<ThreadTrial>& trials, What what, Rank rank) {
  const double good = least_of(trials, what) * (1 + tie);
  const ThreadTrial* chosen = nullptr;
  for (const ThreadTrial& trial : trials) {
    if (trial.median_of(what) <= good && (chosen == nullptr || rank(trial) < rank(*chosen))) chosen = &trial;
  }
  return *chosen;
}

const ThreadTrial& best_of(const std::vector<ThreadTrial>& trials, Objective objective, What what,
                           What seconds) {
  return objective == Objective::time
             ? least(trials, what, [](const ThreadTrial& trial) { return trial.candidate.threads; })
             : least(trials, what, [=](const ThreadTrial& trial) { return trial.median_of(seconds); });
}

ThreadDecision decide_alike(const std::vector<ThreadTrial>& trials, Objective objective) {
  const ThreadTrial& decode = best_of(trials, objective, decoding(objective), &ThreadSample::decode_seconds);
  const ThreadTrial& prefill =
      best_of(trials, objective, prefilling(objective), &ThreadSample::prefill_seconds);
  return {decode.candidate,
          prefill.candidate,
          decode.median_of(&ThreadSample::decode_seconds),
          prefill.median_of(&ThreadSample::prefill_seconds),
          decode.median_of(&ThreadSample::decode_joules),
          prefill.median_of(&ThreadSample::prefill_joules)};
}

}  // namespace

double ThreadTrial::median_of(double ThreadSample::*what) const {
  std::vector<double> values;
  for (const ThreadSample& sample : samples) values.push_back(sample.*what);
  return median(values);
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

Expected<std::vector<ThreadTrial>> search_threads(const std::vector<ThreadCandidate>& candidates,
                                                  Objective objective, const MeasureThreads& measure,
                                                  const std::function<bool()>& stop,
                                                  const std::function<bool()>& interrupted) {
  const What decode = decoding(objective), prefill = prefilling(objective);
  std::vector<ThreadTrial> trials;
  for (const ThreadCandidate& candidate : candidates) trials.push_back({candidate, {}});
  for (int round = 0; round < most_rounds; ++round) {
    if (round >= least_rounds && stop()) break;
    // To and fro, so that what follows what is not always the same.
    std::ranges::reverse(trials);
    for (ThreadTrial& trial : trials) {
      if (interrupted()) return trials;
      const Expected<ThreadSample> sample = measure(trial.candidate);
      if (!sample) return sample.error();
      trial.samples.push_back(*sample);
    }
    const double least_decode = least_of(trials, decode), least_prefill = least_of(trials, prefill);
    std::erase_if(trials, [&](const ThreadTrial& trial) {
      return trial.median_of(decode) > hopeless * least_decode &&
             trial.median_of(prefill) > hopeless * least_prefill;
    });
  }
  return trials;
}

ThreadDecision decide_threads(const std::vector<ThreadTrial>& trials, const ThreadUse& use,
                              Objective objective) {
  assert(!trials.empty());
  std::vector<ThreadTrial> free, bound;
  for (const ThreadTrial& trial : trials) (trial.candidate.bound ? bound : free).push_back(trial);
  if (free.empty()) return decide_alike(bound, objective);
  if (bound.empty()) return decide_alike(free, objective);
  const ThreadDecision moving = decide_alike(free, objective), staying = decide_alike(bound, objective);
  const auto session = [&](const ThreadDecision& decision) {
    return objective == Objective::time
               ? use.tokens * decision.decode_seconds + use.prompts * decision.prefill_seconds
               : use.tokens * decision.decode_joules + use.prompts * decision.prefill_joules;
  };
  return session(staying) * (1 + tie) < session(moving) ? staying : moving;
}

}  // namespace tern::autotune

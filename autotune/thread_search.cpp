#include "autotune/thread_search.h"

#include <algorithm>
#include <cassert>
#include <set>

#include "autotune/statistics.h"

namespace tern::autotune {
namespace {

constexpr double tie = 0.02;
constexpr int least_rounds = 3, most_rounds = 9;
constexpr double hopeless = 2;

double seconds_of(const ThreadTrial& trial, double ThreadSample::*what) {
  std::vector<double> seconds;
  for (const ThreadSample& sample : trial.samples) seconds.push_back(sample.*what);
  return median(seconds);
}

double best_of(const std::vector<ThreadTrial>& trials, double ThreadSample::*what) {
  double best = seconds_of(trials[0], what);
  for (const ThreadTrial& trial : trials) best = std::min(best, seconds_of(trial, what));
  return best;
}

// The fewest threads that are as good as the best.
const ThreadTrial& fewest(const std::vector<ThreadTrial>& trials, double ThreadSample::*what) {
  const double good = best_of(trials, what) * (1 + tie);
  const ThreadTrial* chosen = nullptr;
  for (const ThreadTrial& trial : trials) {
    if (seconds_of(trial, what) <= good &&
        (chosen == nullptr || trial.candidate.threads < chosen->candidate.threads))
      chosen = &trial;
  }
  return *chosen;
}

ThreadDecision decide_alike(const std::vector<ThreadTrial>& trials) {
  const ThreadTrial& decode = fewest(trials, &ThreadSample::decode_seconds);
  const ThreadTrial& prefill = fewest(trials, &ThreadSample::prefill_seconds);
  return {decode.candidate, prefill.candidate, seconds_of(decode, &ThreadSample::decode_seconds),
          seconds_of(prefill, &ThreadSample::prefill_seconds)};
}

}  // namespace

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
                                                  const MeasureThreads& measure,
                                                  const std::function<bool()>& stop,
                                                  const std::function<bool()>& interrupted) {
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
    const double decode = best_of(trials, &ThreadSample::decode_seconds),
                 prefill = best_of(trials, &ThreadSample::prefill_seconds);
    std::erase_if(trials, [&](const ThreadTrial& trial) {
      return seconds_of(trial, &ThreadSample::decode_seconds) > hopeless * decode &&
             seconds_of(trial, &ThreadSample::prefill_seconds) > hopeless * prefill;
    });
  }
  return trials;
}

ThreadDecision decide_threads(const std::vector<ThreadTrial>& trials, const ThreadUse& use) {
  assert(!trials.empty());
  std::vector<ThreadTrial> free, bound;
  for (const ThreadTrial& trial : trials) (trial.candidate.bound ? bound : free).push_back(trial);
  if (free.empty()) return decide_alike(bound);
  if (bound.empty()) return decide_alike(free);
  const ThreadDecision moving = decide_alike(free), staying = decide_alike(bound);
  const auto session = [&](const ThreadDecision& decision) {
    return use.tokens * decision.decode_seconds + use.prompts * decision.prefill_seconds;
  };
  return session(staying) * (1 + tie) < session(moving) ? staying : moving;
}

}  // namespace tern::autotune

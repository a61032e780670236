// How many threads: what is measured, and what is made of it.
#include "autotune/search/thread_search.h"

#include <gtest/gtest.h>

#include <map>

namespace tern::autotune {
namespace {

targets::Host host_with(int cores, int hardware_threads) {
  targets::Host host;
  host.target.cores = cores;
  host.hardware_threads = hardware_threads;
  for (int i = 0; i < hardware_threads; ++i) host.processors.push_back(i);
  return host;
}

// A machine whose times are known.
using Times = std::map<std::pair<int, bool>, ThreadSample>;

ThreadDecision decide(const Times& times, Objective objective = Objective::time) {
  std::vector<ThreadCandidate> candidates;
  for (const auto& [key, sample] : times) candidates.push_back({key.first, key.second});
  const Expected<std::vector<ThreadMeasurement>> measurements = search_threads(
      candidates, objective,
      [&](const ThreadCandidate& candidate) -> Expected<ThreadSample> {
        return times.at({candidate.threads, candidate.bound});
      },
      [] { return true; }, [] { return false; });
  EXPECT_TRUE(measurements);
  return decide_threads(*measurements, {}, objective);
}

std::vector<int> counts(const targets::Host& host) {
  std::vector<int> counts;
  for (const ThreadCandidate& candidate : thread_candidates(host)) {
    if (!candidate.bound) counts.push_back(candidate.threads);
  }
  return counts;
}

TEST(ThreadSearch, CandidatesDoubleUpToCoresAndHardwareThreads) {
  EXPECT_EQ(counts(host_with(1, 1)), (std::vector<int>{1}));
  EXPECT_EQ(counts(host_with(2, 2)), (std::vector<int>{1, 2}));
  EXPECT_EQ(counts(host_with(6, 12)), (std::vector<int>{1, 2, 4, 6, 12}));
  EXPECT_EQ(counts(host_with(16, 16)), (std::vector<int>{1, 2, 4, 8, 16}));
  EXPECT_EQ(thread_candidates(host_with(6, 12)).size(), 10u);
  // Nothing is bound to processors that are not known.
  targets::Host unknown = host_with(4, 4);
  unknown.processors.resize(2);
  for (const ThreadCandidate& candidate : thread_candidates(unknown))
    EXPECT_TRUE(!candidate.bound || candidate.threads <= 2);
}

TEST(ThreadSearch, DecodingAndPromptsHaveTheirOwn) {
  const ThreadDecision decision =
      decide({{{1, false}, {10, 100}}, {{2, false}, {6, 50}}, {{4, false}, {8, 25}}});
  EXPECT_EQ(decision.decode, (ThreadCandidate{2, false}));
  EXPECT_EQ(decision.prefill, (ThreadCandidate{4, false}));
  EXPECT_EQ(decision.decode_seconds, 6);
  EXPECT_EQ(decision.prefill_seconds, 25);
}

TEST(ThreadSearch, FewerThreadsWinTies) {
  EXPECT_EQ(decide({{{1, false}, {10, 10}}, {{2, false}, {9.9, 9.7}}}).decode.threads, 1);
  EXPECT_EQ(decide({{{1, false}, {10, 10}}, {{2, false}, {9.9, 9.7}}}).prefill.threads, 2);
}

TEST(ThreadSearch, ThreadsAreBoundOnlyIfThatHelps) {
  const Times same = {
      {{1, false}, {10, 10}}, {{2, false}, {6, 6}}, {{1, true}, {10, 10}}, {{2, true}, {5.9, 6}}};
  EXPECT_FALSE(decide(same).decode.bound);
  Times better = same;
  better[{2, true}] = {5, 6.1};
  const ThreadDecision decision = decide(better);
  EXPECT_EQ(decision.decode, (ThreadCandidate{2, true}));
  EXPECT_TRUE(decision.prefill.bound) << "one list of processors serves both";
}

TEST(ThreadSearch, EnergyHasItsOwnBest) {
  // More threads are faster, and take more power.
  const Times times = {
      {{1, false}, {9, 90, 5, 50}}, {{2, false}, {6, 60, 4, 51}}, {{4, false}, {5, 40, 6, 55}}};
  const ThreadDecision energy = decide(times, Objective::energy), time = decide(times);
  EXPECT_EQ(energy.decode.threads, 2);
  EXPECT_EQ(energy.prefill.threads, 2) << "50 and 51 J are a tie, and two are faster than one";
  EXPECT_EQ(energy.decode_joules, 4);
  EXPECT_EQ(energy.prefill_joules, 51);
  EXPECT_EQ(energy.decode_seconds, 6);
  EXPECT_EQ(time.decode.threads, 4);
  EXPECT_EQ(time.decode_joules, 6);
}

TEST(ThreadSearch, ForEnergyTheSlowestStaysIfItTakesLeast) {
  const Times times = {{{1, false}, {9, 90, 2, 20}}, {{4, false}, {3, 30, 5, 50}}};
  EXPECT_EQ(decide(times, Objective::energy).decode.threads, 1);
  EXPECT_EQ(decide(times, Objective::energy).prefill.threads, 1);
  // Bound for the sake of energy alone, if that gains more than a tie.
  Times bound = times;
  bound[{1, true}] = {9, 90, 1.99, 19.9};
  EXPECT_FALSE(decide(bound, Objective::energy).decode.bound);
  bound[{1, true}] = {9, 90, 1.5, 15};
  EXPECT_TRUE(decide(bound, Objective::energy).decode.bound);
  EXPECT_FALSE(decide(bound).decode.bound);
}

TEST(ThreadSearch, MeasuresInRoundsAndLeavesOutWhatIsFarBehind) {
  std::map<int, int> calls;
  std::vector<int> order;
  const auto measurements = search_threads(
      {{1, false}, {2, false}, {4, false}}, Objective::time,
      [&](const ThreadCandidate& candidate) -> Expected<ThreadSample> {
        ++calls[candidate.threads];
        order.push_back(candidate.threads);
        return candidate.threads == 4 ? ThreadSample{9, 9} : ThreadSample{3, 3};
      },
      [] { return true; }, [] { return false; });
  ASSERT_TRUE(measurements);
  EXPECT_EQ(measurements->size(), 2u);
  EXPECT_EQ(calls, (std::map<int, int>{{1, 3}, {2, 3}, {4, 1}}));
  EXPECT_EQ(order, (std::vector<int>{4, 2, 1, 1, 2, 2, 1}));
}

TEST(ThreadSearch, EndsWhenInterruptedAndPassesErrorsOn) {
  int left = 2;
  const auto measure = [](const ThreadCandidate&) -> Expected<ThreadSample> { return ThreadSample{1, 1}; };
  const auto measurements = search_threads(
      {{1, false}, {2, false}, {4, false}}, Objective::time, measure, [] { return false; },
      [&] { return left-- == 0; });
  ASSERT_TRUE(measurements);
  size_t samples = 0;
  for (const ThreadMeasurement& one : *measurements) samples += one.samples.size();
  EXPECT_EQ(samples, 2u);
  const auto failed = search_threads(
      {{1, false}}, Objective::time,
      [](const ThreadCandidate&) -> Expected<ThreadSample> {
        return Error{"no", {}};
      },
      [] { return false; }, [] { return false; });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "no");
}

}  // namespace
}  // namespace tern::autotune

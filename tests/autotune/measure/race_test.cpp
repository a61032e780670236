// The one rule by which races decide: exact numbers, and machines that are noisy, drift or stumble.
#include "autotune/measure/race.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace tern::autotune {
namespace {

RaceEntry entry(const std::vector<double>& ratios) {
  RaceEntry made;
  for (const double ratio : ratios) made.add(2 * ratio, 2);
  return made;
}

TEST(Race, AnEntryIsTheMedianOfItsPairedRatios) {
  RaceEntry made;
  // The machine is three times as slow in the second round, for both.
  made.add(0.9, 1);
  made.add(2.7, 3);
  made.add(9, 1);  // a stumble
  EXPECT_DOUBLE_EQ(made.ratio().value, 0.9);
  EXPECT_DOUBLE_EQ(made.min_seconds(), 0.9);
  EXPECT_EQ(paired_ratios({2, 4, 6}, {1, 8}), (std::vector<double>{2, 0.5}));
}

TEST(Race, ADifferenceIsClearBeyondThreeStandardErrors) {
  EXPECT_TRUE(is_clear({0.031, 0.01, 40}));
  EXPECT_FALSE(is_clear({0.029, 0.01, 40}));
  EXPECT_FALSE(is_clear({-0.1, 0.01, 40}));
  EXPECT_FALSE(is_clear(estimate({1, 2}))) << "two values have no standard error";
  EXPECT_FALSE(is_clear({0, 0, 40}));
  EXPECT_TRUE(is_clear({0.011, 0.01, 40}, 1));
}

TEST(Race, AVerdictNeedsAClearDifferenceThatMatters) {
  const RaceRules rules;  // 4 to 12 rounds, 1 %, 3 standard errors
  EXPECT_EQ(verdict_of({0.9, 0.01, 8}, 4, rules), Verdict::faster);
  EXPECT_EQ(verdict_of({0.9, 0.01, 8}, 3, rules), Verdict::undecided) << "too few rounds";
  EXPECT_EQ(verdict_of({0.9, 0.04, 8}, 4, rules), Verdict::undecided) << "not clear";
  EXPECT_EQ(verdict_of({0.995, 0.0001, 8}, 4, rules), Verdict::not_faster) << "clear, and does not matter";
  EXPECT_EQ(verdict_of({1.2, 0.05, 8}, 1, rules), Verdict::not_faster) << "clear after one round";
  EXPECT_EQ(verdict_of({1.2, 0.1, 8}, 4, rules), Verdict::undecided);
  EXPECT_EQ(verdict_of({0.98, 0.04, 8}, 12, rules), Verdict::not_faster) << "not known after all rounds";
}

TEST(Race, AnEntryThatIsBehindLeaves) {
  const RaceRules rules;
  const Estimate best{1, 0.002, 6};
  EXPECT_TRUE(is_behind(entry({1.6, 1.7}), best, rules)) << "far behind in two rounds";
  EXPECT_FALSE(is_behind(entry({1.6}), best, rules)) << "one may be the doing of another program";
  EXPECT_FALSE(is_behind(entry({1.6, 1.4}), best, rules));
  EXPECT_TRUE(is_behind(entry({1.05, 1.06, 1.05, 1.06}), best, rules)) << "clearly slower";
  EXPECT_FALSE(is_behind(entry({1.05, 1.06, 1.05}), best, rules)) << "too few rounds";
  EXPECT_FALSE(is_behind(entry({1.005, 1.005, 1.005, 1.005}), best, rules)) << "does not matter";
  EXPECT_FALSE(is_behind(entry({1.0, 1.3, 0.9, 1.2}), best, rules)) << "not clear";
  EXPECT_FALSE(is_behind(entry({}), best, rules));
}

TEST(Race, DropsWhatIsBehindTheBestAndKeepsTheBaseline) {
  RaceEntry baseline = entry({2, 2}), fast = entry({1, 1}), near = entry({1.1, 1.2}),
            slow = entry({1.6, 1.7});
  std::vector<RaceEntry*> running = {&baseline, &fast, &near, &slow};
  drop_behind(running, {}, &baseline);
  EXPECT_EQ(running, (std::vector<RaceEntry*>{&baseline, &fast, &near}));
  EXPECT_TRUE(slow.dropped);
  EXPECT_FALSE(baseline.dropped || fast.dropped || near.dropped);
  drop_behind(running, {});
  EXPECT_TRUE(baseline.dropped);
  std::vector<RaceEntry*> none;
  drop_behind(none, {});
  EXPECT_TRUE(is_decided(none, {}));
}

TEST(Race, IsDecidedWhenErrorsAreSmallerThanHalfOfWhatMatters) {
  RaceEntry known = entry({1, 1.001, 1, 1.001, 1}), noisy = entry({1, 1.1, 0.9, 1.05, 0.95});
  RaceEntry few = entry({1, 1, 1});
  EXPECT_TRUE(is_decided({&known}, {}));
  EXPECT_FALSE(is_decided({&known, &noisy}, {}));
  EXPECT_FALSE(is_decided({&known, &few}, {}));
}

TEST(Race, OfTwoTimesOfTheBaselineTheShorterCountsIfTheyAreFarApart) {
  EXPECT_DOUBLE_EQ(baseline_of(1, 4), 1);
  EXPECT_DOUBLE_EQ(baseline_of(4, 1), 1);
  EXPECT_DOUBLE_EQ(baseline_of(1, 1.44), 1.2);
}

// Of entries that equal the baseline, few are called faster by chance, on a machine whose pace wanders.
TEST(Race, NoiseAloneIsNoVerdict) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  int faster = 0;
  for (int race = 0; race < 1000; ++race) {
    RaceEntry equal;
    double pace = 1;
    for (int round = 0; round < RaceRules().max_rounds; ++round) {
      pace *= 1 + 0.1 * normal(random);
      equal.add(pace * (1 + 0.02 * normal(random)), pace * (1 + 0.02 * normal(random)));
    }
    faster += verdict_of(equal.ratio(), RaceRules().max_rounds, {}) == Verdict::faster;
  }
  // A median of 12 has 0.27 % of its values beyond three standard errors if these are known; here they are
  // estimated from the same 12 ratios.
  EXPECT_LE(faster, 40);
}

}  // namespace
}  // namespace tern::autotune

#include "autotune/measure/live_trial.h"

#include <gtest/gtest.h>

#include <random>

namespace tern::autotune {
namespace {

// A machine that goes at a changing pace, and now and then does something else.
class Machine {
 public:
  double seconds(double ratio) {
    pace_ *= 1 + 0.02 * normal_(random_);
    const double outlier = random_() % 20 == 0 ? 3 : 1;
    return 1e-4 * pace_ * ratio * (1 + noise_ * normal_(random_)) * outlier;
  }
  explicit Machine(unsigned seed, double noise = 0.03) : random_(seed), noise_(noise) {}

 private:
  std::mt19937 random_;
  std::normal_distribution<double> normal_;
  double pace_ = 1, noise_;
};

std::vector<bool> every_other(size_t places) {
  std::vector<bool> result;
  for (size_t i = 0; i < places; ++i) result.push_back(i % 2 == 0);
  return result;
}

// Runs steps in which each place is called once, until it is decided.
TrialResult run(LiveTrial& trial, size_t places, double ratio, Machine machine) {
  while (trial.look() == Verdict::undecided) {
    for (size_t place = 0; place < places; ++place)
      trial.add(place, machine.seconds(trial.candidate_has(place) ? ratio : 1));
  }
  return trial.result();
}

TEST(LiveTrial, EachPlaceIsCalledInTurn) {
  LiveTrial trial({true, false});
  for (int step = 0; step < 6; ++step) {
    EXPECT_EQ(trial.candidate_has(0), step % 2 == 0);
    EXPECT_EQ(trial.candidate_has(1), step % 2 == 1);
    trial.add(0, 1);
    trial.add(1, 1);
  }
  EXPECT_EQ(trial.result().rounds, 3);
  EXPECT_EQ(trial.result().ratio.count, 6);
}

TEST(LiveTrial, TellsBetterFromWorse) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    for (const size_t places : {1, 6, 60}) {
      LiveTrial faster(every_other(places)), slower(every_other(places));
      const TrialResult found = run(faster, places, 0.85, Machine(seed));
      EXPECT_EQ(found.verdict, Verdict::better) << places;
      EXPECT_NEAR(found.ratio.value, 0.85, 0.06);
      EXPECT_GE(found.rounds, TrialRules().least_rounds);
      EXPECT_LT(found.seconds_candidate, found.seconds_in_use);
      EXPECT_EQ(run(slower, places, 1.15, Machine(seed)).verdict, Verdict::no_better) << places;
    }
  }
}

// Of kernels that are equal, few may be called better by chance.
TEST(LiveTrial, NoiseAloneIsNoReason) {
  int better = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    const size_t places = seed % 2 == 0 ? 6 : 30;
    LiveTrial trial(every_other(places));
    better += run(trial, places, 1, Machine(seed, 0.1)).verdict == Verdict::better;
  }
  EXPECT_LE(better, 8);
}

// A machine that gets slower all the time slows both, whichever goes first.
TEST(LiveTrial, ADriftFavoursNeither) {
  LiveTrial trial(every_other(10));
  double pace = 1;
  while (trial.look() == Verdict::undecided) {
    for (size_t place = 0; place < 10; ++place) trial.add(place, pace *= 1.004);
  }
  EXPECT_EQ(trial.result().verdict, Verdict::no_better);
  EXPECT_NEAR(trial.result().ratio.value, 1, 0.06);
}

TEST(LiveTrial, WhatIsClearlySlowerIsGoneAfterOneRound) {
  LiveTrial trial(every_other(30));
  EXPECT_EQ(run(trial, 30, 5, Machine(1)).rounds, 1);
}

TEST(LiveTrial, WhatIsHardlyFasterIsNotWorthIt) {
  LiveTrial trial(every_other(30));
  const TrialResult found = run(trial, 30, 0.995, Machine(1, 0.001));
  EXPECT_EQ(found.verdict, Verdict::no_better);
  EXPECT_LE(found.rounds, TrialRules().most_rounds);
}

TEST(LiveTrial, AClockThatIsTooCoarseTellsNothing) {
  LiveTrial trial(every_other(2));
  while (trial.look() == Verdict::undecided) {
    trial.add(0, 0);
    trial.add(1, 0);
  }
  EXPECT_EQ(trial.result().verdict, Verdict::no_better);
  EXPECT_EQ(trial.result().ratio.count, 0);
}

}  // namespace
}  // namespace tern::autotune

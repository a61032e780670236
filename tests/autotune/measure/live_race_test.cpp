#include "autotune/measure/live_race.h"

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
LiveRaceResult run(LiveRace& race, size_t places, double ratio, Machine machine) {
  while (race.verdict() == Verdict::undecided) {
    for (size_t place = 0; place < places; ++place)
      race.add(place, machine.seconds(race.candidate_has(place) ? ratio : 1));
  }
  return race.result();
}

TEST(LiveRace, EachPlaceIsCalledInTurn) {
  LiveRace race({true, false});
  for (int step = 0; step < 6; ++step) {
    EXPECT_EQ(race.candidate_has(0), step % 2 == 0);
    EXPECT_EQ(race.candidate_has(1), step % 2 == 1);
    race.add(0, 1);
    race.add(1, 1);
  }
  EXPECT_EQ(race.result().rounds, 3);
  EXPECT_EQ(race.result().ratio.count, 6);
}

TEST(LiveRace, TellsBetterFromWorse) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    for (const size_t places : {1, 6, 60}) {
      LiveRace faster(every_other(places)), slower(every_other(places));
      const LiveRaceResult found = run(faster, places, 0.85, Machine(seed));
      EXPECT_EQ(found.verdict, Verdict::faster) << places;
      EXPECT_NEAR(found.ratio.value, 0.85, 0.06);
      EXPECT_GE(found.rounds, live_race_rules.min_rounds);
      EXPECT_LT(found.candidate_seconds, found.baseline_seconds);
      EXPECT_EQ(run(slower, places, 1.15, Machine(seed)).verdict, Verdict::not_faster) << places;
    }
  }
}

// Of kernels that are equal, few may be called better by chance.
TEST(LiveRace, NoiseAloneIsNoReason) {
  int better = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    const size_t places = seed % 2 == 0 ? 6 : 30;
    LiveRace race(every_other(places));
    better += run(race, places, 1, Machine(seed, 0.1)).verdict == Verdict::faster;
  }
  EXPECT_LE(better, 8);
}

// A machine that gets slower all the time slows both, whichever goes first.
TEST(LiveRace, ADriftFavoursNeither) {
  LiveRace race(every_other(10));
  double pace = 1;
  while (race.verdict() == Verdict::undecided) {
    for (size_t place = 0; place < 10; ++place) race.add(place, pace *= 1.004);
  }
  EXPECT_EQ(race.result().verdict, Verdict::not_faster);
  EXPECT_NEAR(race.result().ratio.value, 1, 0.06);
}

TEST(LiveRace, WhatIsClearlySlowerIsGoneAfterOneRound) {
  LiveRace race(every_other(30));
  EXPECT_EQ(run(race, 30, 5, Machine(1)).rounds, 1);
}

TEST(LiveRace, WhatIsHardlyFasterIsNotWorthIt) {
  LiveRace race(every_other(30));
  const LiveRaceResult found = run(race, 30, 0.995, Machine(1, 0.001));
  EXPECT_EQ(found.verdict, Verdict::not_faster);
  EXPECT_LE(found.rounds, live_race_rules.max_rounds);
}

TEST(LiveRace, AClockThatIsTooCoarseTellsNothing) {
  LiveRace race(every_other(2));
  while (race.verdict() == Verdict::undecided) {
    race.add(0, 0);
    race.add(1, 0);
  }
  EXPECT_EQ(race.result().verdict, Verdict::not_faster);
  EXPECT_EQ(race.result().ratio.count, 0);
}

}  // namespace
}  // namespace tern::autotune

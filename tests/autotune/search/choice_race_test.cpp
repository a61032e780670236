#include "autotune/search/choice_race.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/default_kernel.h"
#include "kernels/space.h"
#include "targets/host.h"
#include "tests/support/threads.h"

namespace tern::autotune {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Conditions here{"host", 1};

ir::Problem trits(int64_t m, int64_t n = 64, int64_t k = 128) {
  return ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
}

const targets::Target& target() {
  static const targets::Target host = targets::host_target().take();
  return host;
}

// Kernels that can run here and are not the default one.
std::vector<ir::Kernel> others(const ir::Problem& problem) {
  std::vector<ir::Kernel> kernels;
  for (const kernels::Candidate& candidate : kernels::default_space(problem, target()).candidates) {
    if (hash(candidate.kernel) != hash(kernels::default_kernel(problem, target())))
      kernels.push_back(candidate.kernel);
  }
  return kernels;
}

Choice choice(std::vector<ir::Kernel> kernels, const Conditions& conditions = here) {
  const size_t count = kernels.size();
  return {conditions,
          std::move(kernels),
          std::vector<double>(count, 1e-6),
          std::vector<double>(count, 0.9),
          false,
          true,
          "2026-11-21T10:15:00Z"};
}

Database database(std::vector<Choice> choices) {
  return {provenance_of(*targets::detect_host()), {}, std::move(choices), {}};
}

// A race of `rounds` rounds altogether.
std::vector<ChoiceRaceResult> run(const std::vector<ChoiceRace>& races, int rounds, int max_rounds = 1000) {
  int done = 0;
  const Expected<std::vector<ChoiceRaceResult>> results =
      race_choices(races, rounds, target(), testing::one_thread(),
                   {[&](size_t, int) { ++done; }, [&] { return done >= max_rounds; }});
  EXPECT_TRUE(results) << results.error().text();
  return results ? *results : std::vector<ChoiceRaceResult>{};
}

TEST(RaceChoices, EveryShapeAndEveryNumberOfRowsIsAContest) {
  const ir::Kernel one = others(trits(1))[0], sixteen = others(trits(16))[0], four = others(trits(4))[0];
  const ir::Kernel large = others(trits(1, 96, 256))[0], elsewhere = others(trits(1, 128, 128))[0];
  const Database a = database({choice({one, sixteen}), choice({elsewhere}, {"host", 2})});
  const Database b = database({choice({large}), choice({one, four}), choice({elsewhere}, {"x86-64-v3", 1})});
  const std::vector<ChoiceRace> races = choice_races_of(std::vector{a, b}, here);
  ASSERT_EQ(races.size(), 4u);
  const auto is = [&](const ChoiceRace& race, const ir::Problem& problem, std::optional<ir::Kernel> of_a,
                      std::optional<ir::Kernel> of_b) {
    EXPECT_EQ(race.problem, problem);
    EXPECT_THAT(race.kernels, ElementsAre(of_a, of_b));
  };
  is(races[0], trits(1), one, one);
  is(races[1], trits(4), {}, four);
  is(races[2], trits(16), sixteen, {});
  is(races[3], trits(1, 96, 256), {}, large);
  EXPECT_THAT(choice_races_of(std::vector{a, b}, {"host", 3}), IsEmpty());
}

// A tensor with a scale an output is the same choice's: see find_kernel.
TEST(RaceChoices, ScalesDoNotMatter) {
  ir::Kernel scaled = others(trits(1))[0];
  scaled.problem.w.scaling = ir::Scaling::row;
  const std::vector<ChoiceRace> races = choice_races_of(
      std::vector{database({choice({others(trits(1))[0]})}), database({choice({scaled})})}, here);
  ASSERT_EQ(races.size(), 1u);
  EXPECT_EQ(races[0].kernels[0], races[0].kernels[1]);
}

TEST(RaceChoices, EqualKernelsAreTimedOnce) {
  const std::vector<ir::Kernel> kernels = others(trits(1));
  ir::Kernel renamed = kernels[0];
  renamed.name = "another_name";
  const std::vector<ChoiceRaceResult> results =
      run({{trits(1),
            {kernels[0], kernels[1], std::nullopt, renamed, kernels::default_kernel(trits(1), target())}},
           {trits(1), {kernels[0], renamed}}},
          5);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].problem, trits(1));
  EXPECT_EQ(results[0].rounds, 5);
  EXPECT_GT(results[0].default_seconds, 0);
  ASSERT_EQ(results[0].entries.size(), 5u);
  const auto& [first, second, missing, same, of_default] =
      std::tie(results[0].entries[0], results[0].entries[1], results[0].entries[2], results[0].entries[3],
               results[0].entries[4]);
  EXPECT_FALSE(missing);
  EXPECT_EQ(of_default->kernel, 0u);
  EXPECT_EQ(of_default->ratio.value, 1);
  EXPECT_EQ(of_default->ratio.error, 0);
  EXPECT_EQ(first->kernel, 1u);
  EXPECT_EQ(second->kernel, 2u);
  for (const auto& timed : {first, second}) {
    EXPECT_THAT(timed->refused, IsEmpty());
    EXPECT_GT(timed->ratio.value, 0);
    EXPECT_EQ(timed->ratio.count, 5);
  }
  EXPECT_EQ(same->kernel, first->kernel);
  EXPECT_EQ(same->ratio.value, first->ratio.value);
  EXPECT_EQ(same->ratio.error, first->ratio.error);
  ASSERT_TRUE(results[0].difference);
  EXPECT_EQ(results[0].difference->count, 5);
  // Of one kernel alone there is no difference to measure.
  ASSERT_TRUE(results[1].difference);
  EXPECT_EQ(results[1].difference->value, 0);
  EXPECT_FALSE(is_clear(*results[1].difference));
}

TEST(RaceChoices, EveryStrategyTakesPart) {
  ChoiceRace race{trits(4), {}};
  for (const ir::Kernel& kernel : others(trits(4))) race.kernels.emplace_back(kernel);
  const std::vector<ChoiceRaceResult> results = run({race}, 1);
  ASSERT_EQ(results.size(), 1u);
  for (const std::optional<ChoiceEntry>& entry : results[0].entries)
    EXPECT_THAT(entry, ::testing::Optional(Field(&ChoiceEntry::refused, IsEmpty())));
}

TEST(RaceChoices, WhatIsWrongIsNotTimed) {
  const ir::Kernel right = others(trits(1))[0];
  ir::Kernel wrong = right;  // computes something else
  wrong.epilogue = ir::Epilogue::gate;
  ir::Kernel impossible = right;
  impossible.schedule.loops.clear();
  const std::vector<ChoiceRaceResult> results = run({{trits(1), {wrong, right, impossible}}}, 3);
  ASSERT_EQ(results.size(), 1u);
  const std::vector<std::optional<ChoiceEntry>>& entries = results[0].entries;
  EXPECT_THAT(entries[0]->refused, HasSubstr("and should be"));
  EXPECT_EQ(entries[0]->ratio.count, 0);
  EXPECT_THAT(entries[1]->refused, IsEmpty());
  EXPECT_EQ(entries[1]->ratio.count, 3);
  EXPECT_THAT(entries[2]->refused, Not(IsEmpty()));
  EXPECT_FALSE(results[0].difference);
}

TEST(RaceChoices, StoppedItGivesWhatIsThere) {
  const std::vector<ir::Kernel> kernels = others(trits(1));
  const ChoiceRace race{trits(1), {kernels[0], kernels[1]}};
  const std::vector<ChoiceRaceResult> results = run({race, race, race}, 4, 6);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].rounds, 4);
  EXPECT_EQ(results[1].rounds, 2);
  EXPECT_FALSE(is_clear(*results[1].difference));  // two rounds tell nothing
  EXPECT_EQ(run({race, race}, 4, 4).size(), 1u);
  EXPECT_THAT(run({race}, 4, 0), IsEmpty());
}

}  // namespace
}  // namespace tern::autotune

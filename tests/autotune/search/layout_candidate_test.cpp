// Which kernels go together, and what a session with them takes.
#include "autotune/search/layout_candidate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tern::autotune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Evaluation measured(const std::string& layout, double ratio) {
  Evaluation evaluation;
  evaluation.layout = layout;
  evaluation.entry.emplace();
  evaluation.entry->from_cache.seconds = {1e-6};
  evaluation.entry->from_cache.ratios = {ratio};
  evaluation.ratio = {ratio, 0.01, 4};
  return evaluation;
}

Bucket bucket(double calls, double default_seconds, std::vector<Evaluation> evaluations) {
  Bucket made;
  made.demand = {1, calls};
  made.default_seconds = default_seconds;
  made.evaluations = std::move(evaluations);
  return made;
}

// Layout b is the better one for many rows, which take less of the session.
std::vector<Bucket> two_buckets() {
  return {bucket(10, 1, {measured("a", 1), measured("b", 1.5), measured("a", 0.9), measured("c", 0.1)}),
          bucket(1, 10, {measured("a", 1), measured("b", 0.8), measured("b", 0.7), measured("a", 1.2)})};
}

TEST(BestLayouts, AreTheBestKernelsOfEachLayoutThatHasOneForAllRows) {
  const std::vector<Bucket> buckets = two_buckets();
  const std::vector<LayoutCandidate> layouts = best_layouts(buckets, Among::measured);
  ASSERT_EQ(layouts.size(), 2u);  // c has none for the second
  EXPECT_EQ(layout_of(layouts[0], buckets), "a");
  EXPECT_THAT(layouts[0].evaluations, ElementsAre(2, 0));
  EXPECT_DOUBLE_EQ(layouts[0].seconds, 10 * 1 * 0.9 + 1 * 10 * 1);
  EXPECT_EQ(layout_of(layouts[1], buckets), "b");
  EXPECT_THAT(layouts[1].evaluations, ElementsAre(1, 2));
  EXPECT_DOUBLE_EQ(layouts[1].seconds, 10 * 1 * 1.5 + 1 * 10 * 0.7);
}

TEST(BestLayouts, BearTheTablesThatTheirKernelsRead) {
  std::vector<Bucket> buckets = two_buckets();
  buckets[0].evaluations[2].tables_seconds = 0.2;  // more than it gains
  EXPECT_THAT(best_layouts(buckets, Among::measured)[0].evaluations, ElementsAre(0, 0));
}

TEST(BestLayouts, OfTheFinalRaceAreOfNothingElse) {
  std::vector<Bucket> buckets = two_buckets();
  EXPECT_THAT(best_layouts(buckets, Among::final_race), IsEmpty());
  buckets[0].evaluations[0].in_final_race = buckets[1].evaluations[3].in_final_race = true;
  const std::vector<LayoutCandidate> layouts = best_layouts(buckets, Among::final_race);
  ASSERT_EQ(layouts.size(), 1u);
  EXPECT_THAT(layouts[0].evaluations, ElementsAre(0, 3));
}

TEST(BestOfLayout, IsWithinTheMarginTheBestFirst) {
  const Bucket one = bucket(
      1, 1,
      {measured("a", 1), measured("a", 0.8), measured("b", 0.5), measured("a", 0.81), measured("a", 0.9)});
  EXPECT_THAT(best_of_layout(one, "a", 0.05, 9), ElementsAre(1, 3));
  EXPECT_THAT(best_of_layout(one, "a", 1, 3), ElementsAre(1, 3, 4));
  EXPECT_THAT(best_of_layout(one, "a", 0, 9), ElementsAre(1));
  EXPECT_THAT(best_of_layout(one, "c", 1, 9), IsEmpty());
}

TEST(BestOfLayout, LeavesOutWhatWasNotMeasured) {
  Bucket one = bucket(1, 1, {measured("a", 1), measured("a", 0.8)});
  one.evaluations[1].entry.reset();
  EXPECT_THAT(best_of_layout(one, "a", 1, 9), ElementsAre(0));
}

}  // namespace
}  // namespace tern::autotune

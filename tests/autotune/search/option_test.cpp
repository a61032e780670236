// Which kernels go together, and what a session with them takes.
#include "autotune/search/option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tern::autotune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Trial measured(const std::string& layout, double ratio) {
  Trial trial;
  trial.layout = layout;
  trial.runner.emplace();
  trial.runner->from_cache.seconds = {1e-6};
  trial.runner->from_cache.ratios = {ratio};
  trial.ratio = {ratio, 0.01, 4};
  return trial;
}

Bucket bucket(double calls, double default_seconds, std::vector<Trial> trials) {
  Bucket made;
  made.use = {1, calls};
  made.default_seconds = default_seconds;
  made.trials = std::move(trials);
  return made;
}

// Layout b is the better one for many rows, which take less of the session.
std::vector<Bucket> two_buckets() {
  return {bucket(10, 1, {measured("a", 1), measured("b", 1.5), measured("a", 0.9), measured("c", 0.1)}),
          bucket(1, 10, {measured("a", 1), measured("b", 0.8), measured("b", 0.7), measured("a", 1.2)})};
}

TEST(BestOptions, AreTheBestKernelsOfEachLayoutThatHasOneForAllRows) {
  const std::vector<Bucket> buckets = two_buckets();
  const std::vector<Option> options = best_options(buckets, Among::measured);
  ASSERT_EQ(options.size(), 2u);  // c has none for the second
  EXPECT_EQ(layout_of(options[0], buckets), "a");
  EXPECT_THAT(options[0].trials, ElementsAre(2, 0));
  EXPECT_DOUBLE_EQ(options[0].seconds, 10 * 1 * 0.9 + 1 * 10 * 1);
  EXPECT_EQ(layout_of(options[1], buckets), "b");
  EXPECT_THAT(options[1].trials, ElementsAre(1, 2));
  EXPECT_DOUBLE_EQ(options[1].seconds, 10 * 1 * 1.5 + 1 * 10 * 0.7);
}

TEST(BestOptions, BearTheTablesThatTheirKernelsRead) {
  std::vector<Bucket> buckets = two_buckets();
  buckets[0].trials[2].tables_seconds = 0.2;  // more than it gains
  EXPECT_THAT(best_options(buckets, Among::measured)[0].trials, ElementsAre(0, 0));
}

TEST(BestOptions, OfFinalistsAreOfNothingElse) {
  std::vector<Bucket> buckets = two_buckets();
  EXPECT_THAT(best_options(buckets, Among::finalists), IsEmpty());
  buckets[0].trials[0].in_finals = buckets[1].trials[3].in_finals = true;
  const std::vector<Option> options = best_options(buckets, Among::finalists);
  ASSERT_EQ(options.size(), 1u);
  EXPECT_THAT(options[0].trials, ElementsAre(0, 3));
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
  one.trials[1].runner.reset();
  EXPECT_THAT(best_of_layout(one, "a", 1, 9), ElementsAre(0));
}

}  // namespace
}  // namespace tern::autotune

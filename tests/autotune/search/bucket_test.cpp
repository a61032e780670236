// Whose code is kept.
#include "autotune/search/bucket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tern::autotune {
namespace {

// The default kernel, and evaluations with these ratios.
Bucket bucket(const std::vector<double>& ratios) {
  Bucket made;
  for (size_t i = 0; i <= ratios.size(); ++i) {
    Evaluation& evaluation = made.evaluations.emplace_back();
    evaluation.entry.emplace();
    evaluation.entry->from_cache.ratios = evaluation.entry->from_cache.seconds = {1};
    evaluation.ratio = {i == 0 ? 1 : ratios[i - 1], 0.01, 4};
  }
  return made;
}

std::vector<size_t> loaded(const Bucket& bucket) {
  std::vector<size_t> found;
  for (size_t i = 0; i < bucket.evaluations.size(); ++i) {
    if (bucket.evaluations[i].entry && !bucket.evaluations[i].entry->released) found.push_back(i);
  }
  return found;
}

TEST(ReleaseSlow, KeepsWhatIsNearTheBestAndTheDefaultKernel) {
  Bucket some = bucket({0.95, 0.5, 0.56, 0.52});
  some.evaluations.emplace_back().refused = "wrong";
  release_slow(some);
  EXPECT_THAT(loaded(some), ::testing::ElementsAre(0, 2, 4));
  release_slow(some);
  EXPECT_THAT(loaded(some), ::testing::ElementsAre(0, 2, 4));
}

TEST(ReleaseSlow, KeepsTheBestOfTooManyThatAreNear) {
  std::vector<double> ratios;
  for (size_t i = 0; i < 3 * max_loaded; ++i) ratios.push_back(1 - 1e-4 * static_cast<double>(i));
  Bucket many = bucket(ratios);
  release_slow(many);
  const std::vector<size_t> kept = loaded(many);
  ASSERT_EQ(kept.size(), max_loaded + 1);
  EXPECT_EQ(kept[0], 0u);
  EXPECT_EQ(kept[1], 2 * max_loaded + 1) << "the last are the fastest";
}

}  // namespace
}  // namespace tern::autotune

#include "autotune/search/expected_time.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace tern::autotune {
namespace {

TEST(ExpectedTime, OverlappedWorkTakesItsLongestPartAndALittle) {
  EXPECT_DOUBLE_EQ(overlapped(std::array{3.0, 0.0}), 3);
  EXPECT_NEAR(overlapped(std::array{3.0, 1.0}), 3, 0.02);
  EXPECT_NEAR(overlapped(std::array{3.0, 3.0}), 3 * std::pow(2, 0.25), 1e-12);
  EXPECT_EQ(overlapped(std::array{0.0, 0.0}), 0);
}

TEST(ExpectedTime, WhatMemoryDidIsWhatWasAssumed) {
  const CallCost cost{20e-6, 4e6};
  EXPECT_NEAR(*implied_bandwidth(cost.cache_seconds, cost.seconds(60e9), cost.weight_bytes) / 60e9, 1, 1e-9);
  // Instructions take most of the time: memory hardly shows.
  EXPECT_FALSE(implied_bandwidth(cost.cache_seconds, cost.seconds(300e9), cost.weight_bytes));
  EXPECT_FALSE(implied_bandwidth(20e-6, 15e-6, 4e6));
}

TEST(ExpectedTime, MeasurementsAreBelievedAsFarAsTheyAreKnown) {
  EXPECT_NEAR(shrunk({0.9, 0.001, 12}).value, 0.9, 0.001);
  const Estimate noisy = shrunk({0.9, 0.2, 12});
  EXPECT_GT(noisy.value, 0.99);
  EXPECT_LT(noisy.value, 1);
  EXPECT_LT(noisy.error, 0.05);
  const Estimate nothing = shrunk({0.5, std::numeric_limits<double>::infinity(), 2});
  EXPECT_EQ(nothing.value, 1);
  EXPECT_TRUE(std::isfinite(nothing.error));
}

}  // namespace
}  // namespace tern::autotune

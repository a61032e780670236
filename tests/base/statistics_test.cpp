#include "base/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tern {
namespace {

TEST(Statistics, Medians) {
  EXPECT_EQ(median(std::vector<double>{}), 0);
  EXPECT_EQ(median(std::vector<double>{3}), 3);
  EXPECT_EQ(median(std::vector<double>{3, 1, 100}), 3);
  EXPECT_EQ(median(std::vector<double>{4, 1, 2, 100}), 3);
}

TEST(Statistics, OutliersDoNotCount) {
  const std::vector<double> values = {9, 10, 11, 10, 10, 9, 11, 1e9};
  EXPECT_NEAR(typical_deviation(values), 1.4826 * 0.5, 0.75);
  const Estimate own = estimate(values);
  EXPECT_EQ(own.value, 10);
  EXPECT_EQ(own.count, 8);
  EXPECT_LT(own.error, 1);
  EXPECT_TRUE(std::isinf(estimate(std::vector<double>{1, 2}).error))
      << "two values tell nothing about their spread";
}

TEST(Statistics, HowSureADifferenceIs) {
  const Estimate slow{1.1, 0.03, 9}, fast{1.0, 0.04, 9};
  EXPECT_NEAR(standard_errors_above(slow, fast), 2, 1e-9);
  EXPECT_NEAR(standard_errors_above(fast, slow), -2, 1e-9);
  EXPECT_EQ(standard_errors_above(slow, slow), 0);
  EXPECT_TRUE(std::isinf(standard_errors_above({2, 0, 9}, {1, 0, 9})));
}

}  // namespace
}  // namespace tern

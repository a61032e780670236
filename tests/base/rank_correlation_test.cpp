#include "base/rank_correlation.h"

#include <gtest/gtest.h>

#include <vector>

namespace tern {
namespace {

TEST(RankCorrelation, IsOneForEqualOrders) {
  const std::vector<double> a = {1, 2, 3, 4, 5};
  EXPECT_DOUBLE_EQ(rank_correlation(a, std::vector<double>{10, 20, 30, 40, 500}), 1);
  EXPECT_DOUBLE_EQ(rank_correlation(a, std::vector<double>{5, 4, 3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(rank_correlation(a, std::vector<double>{1, 1, 1, 1, 1}), 0);
  // Ties share a rank: 1, 2.5, 2.5, 4 with 1, 2, 3, 4.
  EXPECT_NEAR(rank_correlation(std::vector<double>{1, 2, 2, 3}, std::vector<double>{1, 2, 3, 4}), 0.9487,
              1e-4);
  EXPECT_EQ(rank_correlation(std::vector<double>{1}, std::vector<double>{1}), 0);
}

}  // namespace
}  // namespace tern

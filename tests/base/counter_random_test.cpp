#include "base/counter_random.h"

#include <gtest/gtest.h>

namespace tern {
namespace {

// The first outputs of SplitMix64 for the state 0, as published with its reference code.
TEST(CounterRandom, IsSplitMix64) {
  for (const auto& [position, number] :
       {std::pair{0, 0xe220a8397b1dcdafu}, {1, 0x6e789e6aa1b965f4u}, {2, 0x06c45d188009454fu}})
    EXPECT_EQ(split_mix(static_cast<uint64_t>(position)), number);
  EXPECT_EQ(mix(0x9e3779b97f4a7c15u), 0xe220a8397b1dcdafu);
  EXPECT_EQ(mix(2 * 0x9e3779b97f4a7c15u), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(mix(3 * 0x9e3779b97f4a7c15u), 0x06c45d188009454fu);
}

TEST(CounterRandom, IsUniform) {
  const RandomStream random(3, "uniform");
  double sum = 0, squares = 0;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double value = random.signed_unit(static_cast<uint64_t>(i));
    ASSERT_GE(value, -1);
    ASSERT_LT(value, 1);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1.0 / 3, 0.01);
}

}  // namespace
}  // namespace tern

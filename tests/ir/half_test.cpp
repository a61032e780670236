#include "ir/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tern::ir {
namespace {

TEST(Half, EveryF16ValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const float value = f16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_GT(bits & 0x7fffu, 0x7c00u);
      continue;
    }
    ASSERT_EQ(f32_to_f16(value), bits);
  }
}

TEST(Half, EveryBf16ValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const float value = bf16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(f32_to_bf16(value), bits);
  }
}

TEST(Half, RoundsHalfwayValuesToEven) {
  for (uint32_t bits = 0; bits < 0x7bffu; ++bits) {
    const double below = f16_to_f32(static_cast<uint16_t>(bits));
    const double above = f16_to_f32(static_cast<uint16_t>(bits + 1));
    const float middle = static_cast<float>((below + above) / 2);
    ASSERT_EQ(f32_to_f16(middle), bits + (bits & 1u)) << bits;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 1e9f)), bits + 1);
  }
}

TEST(Half, Extremes) {
  EXPECT_EQ(f32_to_f16(65519.0f), 0x7bffu);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00u);
  EXPECT_EQ(f32_to_f16(-std::numeric_limits<float>::infinity()), 0xfc00u);
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80u);
}

}  // namespace
}  // namespace tern::ir

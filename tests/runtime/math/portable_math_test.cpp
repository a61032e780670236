#include "runtime/math/portable_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "runtime/math/rope.h"

namespace tern::runtime {
namespace {

TEST(PortableMath, ExpAgreesWithTheLibrary) {
  for (double x = -708; x < 709.7; x += 0.0437) {
    const double expected = std::exp(x);
    ASSERT_NEAR(portable_exp(x), expected, expected * 4.5e-16) << x;
  }
  EXPECT_EQ(portable_exp(0.0), 1.0);
  EXPECT_EQ(portable_exp(-709.0), 0.0);
  EXPECT_EQ(portable_exp(-std::numeric_limits<double>::infinity()), 0.0);
  EXPECT_EQ(portable_exp(710.0), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(portable_exp(std::nan(""))));
}

TEST(PortableMath, LogAgreesWithTheLibrary) {
  for (double x = 1e-300; x < 1e300; x *= 1.0371) {
    const double expected = std::log(x);
    ASSERT_NEAR(portable_log(x), expected, std::fabs(expected) * 4.5e-16 + 1e-16) << x;
  }
  EXPECT_EQ(portable_log(1.0), 0.0);
}

TEST(PortableMath, DirectionAgreesWithTheLibrary) {
  for (double turns = -3; turns < 3; turns += 0.000371) {
    const long double angle = static_cast<long double>(turns) * 2 * std::numbers::pi_v<long double>;
    const Direction direction = portable_direction(turns);
    ASSERT_NEAR(direction.cosine, static_cast<double>(std::cos(angle)), 1e-15) << turns;
    ASSERT_NEAR(direction.sine, static_cast<double>(std::sin(angle)), 1e-15) << turns;
  }
  const Direction quarter = portable_direction(1e6 + 0.25);
  EXPECT_EQ(quarter.cosine, 0.0);
  EXPECT_EQ(quarter.sine, 1.0);
}

TEST(RopeAngles, AgreeWithTheDefinition) {
  for (const double base : {10000.0, 500000.0, 1000042.0}) {
    for (const size_t dimension : {96u, 100u, 128u}) {
      const RopeAngles angles(dimension, base);
      ASSERT_EQ(angles.pairs(), dimension / 2);
      std::vector<float> cosine(dimension / 2), sine(dimension / 2);
      for (const size_t position : {0u, 1u, 2u, 63u, 511u, 4095u, 131071u, 1048575u}) {
        angles.at(position, cosine.data(), sine.data());
        for (size_t i = 0; i < dimension / 2; ++i) {
          const long double angle =
              position * std::pow(static_cast<long double>(base), -2.0L * i / dimension);
          // Half a unit of f32, and the 2^-35 of the angle.
          ASSERT_NEAR(cosine[i], static_cast<double>(std::cos(angle)), 0x1p-25 + 0x1p-35)
              << position << " " << i;
          ASSERT_NEAR(sine[i], static_cast<double>(std::sin(angle)), 0x1p-25 + 0x1p-35)
              << position << " " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tern::runtime

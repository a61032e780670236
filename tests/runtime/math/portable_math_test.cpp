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

// The angle of position 1, where no pair has turned a quarter.
std::vector<double> radians_of(const RopeFrequencies& frequencies, double magnitude) {
  const RopeAngles angles(frequencies);
  std::vector<float> cosine(angles.pairs()), sine(angles.pairs());
  angles.at(1, cosine.data(), sine.data());
  std::vector<double> radians;
  for (size_t i = 0; i < angles.pairs(); ++i) {
    EXPECT_NEAR(std::hypot(cosine[i], sine[i]), magnitude, 1e-6);
    radians.push_back(std::atan2(sine[i], cosine[i]));
  }
  return radians;
}

TEST(RopeAngles, LinearScalingAndDivisorsDivide) {
  const std::vector<float> divisors = {1, 2, 4, 8};
  const auto found =
      radians_of({.dimension = 8, .base = 10000, .divisor = 3, .magnitude = 0.5, .divisors = divisors}, 0.5);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(found[i], std::pow(10000.0, -static_cast<double>(2 * i) / 8) / divisors[i] / 3, 1e-7);
}

// The formula of the paper, word for word, for a head of 128 that was trained for 64 positions.
TEST(RopeAngles, YarnStretchesSlowPairs) {
  constexpr double base = 1e6, s = 4, n = 64, d = 128;
  const auto found =
      radians_of({.dimension = 128, .base = base, .divisor = s, .context = n}, 1 + 0.1 * std::log(s));
  const double pi = std::acos(-1.0);
  const auto dim = [&](double r) { return d * std::log(n / (2 * pi * r)) / (2 * std::log(base)); };
  const double low = std::max(0.0, std::floor(dim(32))), high = std::min(d - 1, std::ceil(dim(1)));
  EXPECT_GT(high, 1);
  for (size_t i = 0; i < 64; ++i) {
    const double f = std::pow(base, -2.0 * static_cast<double>(i) / d);
    const double ramp = std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
    EXPECT_NEAR(found[i], f * (1 - ramp) + f / s * ramp, 1e-7) << i;
  }
}

}  // namespace
}  // namespace tern::runtime

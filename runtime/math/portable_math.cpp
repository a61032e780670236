#include "runtime/math/portable_math.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <limits>
#include <numbers>

namespace tern::runtime {
namespace {

// To the nearest integer, ties to even, for |x| < 2^51: adding 1.5 * 2^52 leaves no bits for a fraction.
double round_to_integer(double x) {
  return (x + 0x1.8p52) - 0x1.8p52;
}

// ln 2 in two parts; products of the first with integers up to 2^20 are exact.
constexpr double ln2_high = 0x1.62e42fee00000p-1;
constexpr double ln2_low = 0x1.a39ef35793c76p-33;

constexpr std::array<double, 15> inverse_factorials = [] {
  std::array<double, 15> values{1.0};
  double factorial = 1.0;
  for (int i = 1; i < 15; ++i) values[i] = 1.0 / (factorial *= i);
  return values;
}();

// 2^n for a normal result.
double power_of_two(int64_t n) {
  return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52);
}

}  // namespace

double portable_exp(double x) {
  if (x != x) return x;
  if (x > 709.782712893384) return std::numeric_limits<double>::infinity();
  if (x < -708.39) return 0.0;
  // e^x = 2^n e^r with |r| <= ln 2 / 2, where 14 terms of the Taylor series leave 1e-17.
  const double n = round_to_integer(x * (1 / std::numbers::ln2));
  const double r = (x - n * ln2_high) - n * ln2_low;
  double sum = inverse_factorials[14];
  for (int term = 13; term >= 0; --term) sum = sum * r + inverse_factorials[term];
  // In two steps: n reaches 1024, whose power is not a double.
  const int64_t exponent = static_cast<int64_t>(n), half = exponent / 2;
  return sum * power_of_two(half) * power_of_two(exponent - half);
}

double portable_log(double x) {
  assert(x >= std::numeric_limits<double>::min() && x <= std::numeric_limits<double>::max());
  // x = 2^n m with m from sqrt(1/2) to sqrt(2).
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t n = static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
  if (m > std::numbers::sqrt2) {
    m /= 2;
    ++n;
  }
  // ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...), |s| < 0.172: terms up to s^21 leave 1e-19.
  const double s = (m - 1) / (m + 1), square = s * s;
  double sum = 0.0;
  for (int term = 21; term >= 1; term -= 2) sum = sum * square + 1.0 / term;
  const double exponent = static_cast<double>(n);
  return exponent * ln2_high + (exponent * ln2_low + 2 * s * sum);
}

Direction portable_direction(double turns) {
  // An angle within an eighth of a turn of a whole number of quarters; the subtraction is exact.
  const double quarters = round_to_integer(turns * 4);
  const double r = (turns - quarters / 4) * (2 * std::numbers::pi), square = r * r;
  // Taylor series: |r| <= pi / 4, where terms up to r^18 leave 1e-18.
  double sine = 1.0, cosine = 1.0;
  for (int term = 16; term >= 2; term -= 2) sine = 1.0 - sine * square / (term * (term + 1));
  for (int term = 18; term >= 2; term -= 2) cosine = 1.0 - cosine * square / (term * (term - 1));
  sine *= r;
  switch (static_cast<uint64_t>(static_cast<int64_t>(quarters)) % 4) {
    case 0: return {cosine, sine};
    case 1: return {-sine, cosine};
    case 2: return {-cosine, -sine};
    case 3: return {sine, -cosine};
  }
  return {};
}

}  // namespace tern::runtime

// Elementary functions in double with the same bits on every CPU. The C library's are as exact, but it picks
// its code by CPU, with fused operations or without, and so may its last bits.
#pragma once

namespace tern::runtime {

// e^x to within 2 units in the last place; 0 where the result would be subnormal, infinity above 709.78.
double portable_exp(double x);

// ln x for finite, normal x > 0, to within 2 units in the last place of the result or 1e-16 if larger.
double portable_log(double x);

// Cosine and sine of an angle.
struct Direction {
  double cosine;
  double sine;
};

// The direction of an angle given in full turns, |turns| < 2^31: exact to 1e-15 for the angle as given.
Direction portable_direction(double turns);

}  // namespace tern::runtime

// The angles of the rotary position embedding, the same bits on every CPU.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tern::runtime {

// How far each pair turns a position: pair i of n = dimension / 2 by f_i radians, where
//   f_i = base^(-2i / dimension) / divisors[i]             (without divisors: as if each was 1)
//   f_i = f_i * (1 - ramp_i) + (f_i / divisor) * ramp_i    (ramp_i = 1 where context is 0: linear scaling)
// and cosines and sines are multiplied by `magnitude`. A context says YaRN (arXiv 2309.00071): pairs that
// turn often within it keep their frequency, slow ones are stretched:
//   turns(r) = dimension * ln(context / (2 pi r)) / (2 ln base), the pair that turns r times within it
//   low = max(0, floor(turns(32))),  high = min(dimension - 1, ceil(turns(1)))
//   ramp_i = (i - low) / max(0.001, high - low) within 0 and 1
// and cosines and sines are multiplied by 1 + 0.1 ln(divisor) too.
struct RopeFrequencies {
  size_t dimension = 0;  // even
  double base = 10000;   // finite, above 1 where there is a context, else above 0
  double divisor = 1;
  double context = 0;
  double magnitude = 1;
  std::span<const float> divisors = {};  // n of them, above 0, or none
};

class RopeAngles {
 public:
  // Pair i turns by frequency_base^(-2i / dimension) radians a position, i < dimension / 2.
  RopeAngles(size_t dimension, double frequency_base)
      : RopeAngles(RopeFrequencies{.dimension = dimension, .base = frequency_base}) {}
  explicit RopeAngles(const RopeFrequencies& frequencies);

  size_t pairs() const { return turns_.size(); }
  // Cosine and sine of each pair's angle at a position, times the magnitude: pairs() floats each. Costs a few
  // microseconds, so it is done once a position and shared by all heads and layers. The angle is exact to
  // 2^-35 radians for positions below 2^20.
  void at(size_t position, float* cosine, float* sine) const;

 private:
  std::vector<double> turns_;  // full turns a position, by pair
  double magnitude_ = 1;
};

}  // namespace tern::runtime

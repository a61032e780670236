// The angles of the rotary position embedding, the same bits on every CPU.
#pragma once

#include <cstddef>
#include <vector>

namespace tern::runtime {

// Pair i turns by frequency_base^(-2i / dimension) radians a position, i < dimension / 2.
class RopeAngles {
 public:
  // dimension is even; frequency_base is finite and above 0.
  RopeAngles(size_t dimension, double frequency_base);

  size_t pairs() const { return turns_.size(); }
  // Cosine and sine of each pair's angle at a position: pairs() floats each. Costs a few microseconds, so it
  // is done once a position and shared by all heads and layers. The angle is exact to 2^-35 radians for
  // positions below 2^20.
  void at(size_t position, float* cosine, float* sine) const;

 private:
  std::vector<double> turns_;  // full turns a position, by pair
};

}  // namespace tern::runtime

#include "runtime/math/rope.h"

#include <cassert>
#include <numbers>

#include "runtime/math/portable_math.h"

namespace tern::runtime {

RopeAngles::RopeAngles(size_t dimension, double frequency_base) {
  assert(dimension % 2 == 0);
  const double log_base = portable_log(frequency_base);
  turns_.reserve(dimension / 2);
  for (size_t i = 0; i < dimension / 2; ++i) {
    const double radians =
        portable_exp(-log_base * static_cast<double>(2 * i) / static_cast<double>(dimension));
    turns_.push_back(radians / (2 * std::numbers::pi));
  }
}

void RopeAngles::at(size_t position, float* cosine, float* sine) const {
  for (size_t i = 0; i < turns_.size(); ++i) {
    const Direction direction = portable_direction(turns_[i] * static_cast<double>(position));
    cosine[i] = static_cast<float>(direction.cosine);
    sine[i] = static_cast<float>(direction.sine);
  }
}

}  // namespace tern::runtime

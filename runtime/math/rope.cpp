#include "runtime/math/rope.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include "runtime/math/portable_math.h"

namespace tern::runtime {
namespace {

// How much of pair i's frequency is divided: see rope.h.
class Ramp {
 public:
  explicit Ramp(const RopeFrequencies& f) : whole_(f.context == 0) {
    if (whole_) return;
    const auto dimension = static_cast<double>(f.dimension);
    const auto pair_that_turns = [&](double times) {
      return dimension * portable_log(f.context / (2 * std::numbers::pi * times)) /
             (2 * portable_log(f.base));
    };
    low_ = std::max(0.0, std::floor(pair_that_turns(32)));
    high_ = std::min(dimension - 1, std::ceil(pair_that_turns(1)));
  }
  double at(size_t pair) const {
    if (whole_) return 1;
    return std::clamp((static_cast<double>(pair) - low_) / std::max(0.001, high_ - low_), 0.0, 1.0);
  }

 private:
  bool whole_;
  double low_ = 0, high_ = 0;
};

}  // namespace

RopeAngles::RopeAngles(const RopeFrequencies& f) : magnitude_(f.magnitude) {
  assert(f.dimension % 2 == 0 && (f.divisors.empty() || f.divisors.size() == f.dimension / 2));
  const double log_base = portable_log(f.base);
  const Ramp ramp(f);
  if (f.context != 0) magnitude_ *= 1 + 0.1 * portable_log(f.divisor);
  turns_.reserve(f.dimension / 2);
  for (size_t i = 0; i < f.dimension / 2; ++i) {
    double radians = portable_exp(-log_base * static_cast<double>(2 * i) / static_cast<double>(f.dimension));
    if (!f.divisors.empty()) radians /= static_cast<double>(f.divisors[i]);
    if (f.divisor != 1) radians = radians * (1 - ramp.at(i)) + radians / f.divisor * ramp.at(i);
    turns_.push_back(radians / (2 * std::numbers::pi));
  }
}

void RopeAngles::at(size_t position, float* cosine, float* sine) const {
  for (size_t i = 0; i < turns_.size(); ++i) {
    const Direction direction = portable_direction(turns_[i] * static_cast<double>(position));
    cosine[i] = static_cast<float>(direction.cosine * magnitude_);
    sine[i] = static_cast<float>(direction.sine * magnitude_);
  }
}

}  // namespace tern::runtime

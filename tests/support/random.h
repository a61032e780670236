// Small helpers for tests that draw their cases at random: one seeded generator, so that a failure repeats.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace tern::testing {

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  // A whole number of low..high.
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool coin() { return pick(0, 1) == 1; }

  template <class T>
  T choose(const std::vector<T>& from) {
    return from[static_cast<size_t>(pick(0, static_cast<int64_t>(from.size()) - 1))];
  }

  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_;
};

}  // namespace tern::testing

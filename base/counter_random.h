// Random bits as a pure function of a seed and a position: the same on every machine, and in any order.
#pragma once

#include <cstdint>
#include <string_view>

namespace tern {

// A bijection of 64-bit words that leaves no pattern: the finaliser of SplitMix64 (Steele, Lea and Flood,
// "Fast splittable pseudorandom number generators", 2014).
constexpr uint64_t mix(uint64_t word) {
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
  word = (word ^ word >> 27) * 0x94d049bb133111ebu;
  return word ^ word >> 31;
}

// One of 2^64 independent streams of a seed, told apart by a name. bits(0), bits(1), ... is SplitMix64's
// sequence.
class RandomStream {
 public:
  constexpr RandomStream(uint64_t seed, std::string_view name) : start_(mix(seed + step)) {
    for (const char c : name) start_ = mix(start_ ^ static_cast<unsigned char>(c)) + step;
  }

  constexpr uint64_t bits(uint64_t position) const { return mix(start_ + (position + 1) * step); }

  // Uniform over the multiples of 2^-23 in [-1, 1): exact in f32, so no rounding differs between machines.
  constexpr float signed_unit(uint64_t position) const {
    return static_cast<float>(static_cast<int32_t>(bits(position) >> 40) - (1 << 23)) * 0x1p-23f;
  }

 private:
  static constexpr uint64_t step = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio, odd
  uint64_t start_;
};

}  // namespace tern

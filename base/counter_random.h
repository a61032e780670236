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

// SplitMix64 adds this to its state before each number: 2^64 / golden ratio, made odd.
inline constexpr uint64_t split_mix_step = 0x9e3779b97f4a7c15u;

// The number at a position, from 0, of SplitMix64's sequence with seed 0.
constexpr uint64_t split_mix(uint64_t position) {
  return mix((position + 1) * split_mix_step);
}

// One of 2^64 independent streams of a seed, told apart by a name. bits(0), bits(1), ... is SplitMix64's
// sequence.
class RandomStream {
 public:
  constexpr RandomStream(uint64_t seed, std::string_view name) : start_(mix(seed + split_mix_step)) {
    for (const char c : name) start_ = mix(start_ ^ static_cast<unsigned char>(c)) + split_mix_step;
  }

  constexpr uint64_t bits(uint64_t position) const { return mix(start_ + (position + 1) * split_mix_step); }

  // Uniform over the multiples of 2^-23 in [-1, 1): exact in f32, so no rounding differs between machines.
  constexpr float signed_unit(uint64_t position) const {
    return static_cast<float>(static_cast<int32_t>(bits(position) >> 40) - (1 << 23)) * 0x1p-23f;
  }

 private:
  uint64_t start_;
};

}  // namespace tern

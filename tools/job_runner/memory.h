// Memory for kernels, and the values in it: random weights and activations, the same in every run.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "types.h"

namespace tern::job {

class Memory {
 public:
  explicit Memory(size_t bytes) : bytes_(std::max<size_t>(bytes, 1)) {
    void* start = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
      std::fprintf(stderr, "no memory for %zu MB\n", bytes_ >> 20);
      std::exit(1);
    }
    start_ = static_cast<uint8_t*>(start);
  }
  Memory(Memory&& other) noexcept : start_(other.start_), bytes_(other.bytes_) { other.start_ = nullptr; }
  Memory& operator=(Memory&&) = delete;
  ~Memory() {
    if (start_) munmap(start_, bytes_);
  }
  uint8_t* data() const { return start_; }
  size_t size() const { return bytes_; }

 private:
  uint8_t* start_ = nullptr;
  size_t bytes_;
};

// A pseudo-random number for each place (splitmix64).
inline uint64_t noise(uint64_t place) {
  uint64_t x = (place + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
inline float small_float(uint64_t place) {
  return static_cast<float>(noise(place) % 4001) / 1000 - 2;
}

inline const Value& weight(const Bucket& bucket, int64_t n, int64_t k) {
  return bucket
      .values[noise(static_cast<uint64_t>(n * bucket.k + k)) % static_cast<uint64_t>(bucket.value_count)];
}
// Of values that f16 holds, where scales are f16: whole multiples of 1/64 between -2 and 2.
inline float group_scale(const Bucket& bucket, int64_t n, int64_t group) {
  const uint64_t place = ~static_cast<uint64_t>(n * bucket.k + group);
  if (!bucket.f16_scales) return small_float(place);
  return static_cast<float>(static_cast<int>(noise(place) % 257) - 128) / 64;
}
// The bits of such a value in f16.
inline uint16_t f16_bits(float value) {
  if (value == 0) return 0;
  int exponent = 0;  // |value| = fraction * 2^exponent, fraction in 0.5 .. 1
  const float fraction = std::frexp(std::fabs(value), &exponent);
  const auto mantissa = static_cast<int>(std::ldexp(fraction, 11)) - 1024;
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 14) << 10 | mantissa);
}

// The share of a coordinate in the position of a weight.
inline int64_t along(const Layout& layout, char axis, int64_t x) {
  int64_t sum = 0;
  for (int i = 0; i < layout.factor_count; ++i) {
    const Factor& factor = layout.factors[i];
    if (factor.axis == axis)
      sum += (factor.modulus == 0 ? x : x % factor.modulus) / factor.divisor * factor.stride;
  }
  return sum;
}

inline void write_bits(uint8_t& byte, int shift, int bits, int value) {
  const int mask = ((1 << bits) - 1) << shift;
  byte = static_cast<uint8_t>((byte & ~mask) | (value << shift & mask));
}

// Writes weights of one layout.
class Packer {
 public:
  Packer(const Layout& layout, uint8_t* bytes)
      : layout_(layout), packing_(*layout.packing), bytes_(bytes), numbers_(256, 0) {
    if (!packing_.codes) return;
    for (int i = 0; i < packing_.weights_per_code; ++i) runs_ *= packing_.base;
    for (int run = runs_ - 1; run >= 0; --run) numbers_[packing_.codes[run]] = run;
  }

  void write(int64_t position, uint32_t stored) {
    const int64_t plane = layout_.plane_weights / packing_.weights_per_group;
    uint8_t* group = bytes_ + position / layout_.plane_weights * plane * packing_.bytes_per_group +
                     position % layout_.plane_weights / packing_.weights_per_group;
    if (packing_.code_bits == 0) {
      for (int i = 0; i < packing_.bytes_per_group; ++i) group[i] = static_cast<uint8_t>(stored >> 8 * i);
      return;
    }
    const auto digit = static_cast<int>(position % packing_.weights_per_group);
    const int code = digit / packing_.weights_per_code, per_byte = 8 / packing_.code_bits;
    uint8_t& low = group[code / per_byte * plane];
    uint8_t& high = group[(packing_.bytes_per_group - 1) * plane];
    const int shift = packing_.first_bit + packing_.bit_step * (code % per_byte);
    int value = static_cast<int>(stored);
    if (packing_.codes) {
      // The code stands for others too, which stay as they are.
      int before = low >> shift & ((1 << packing_.code_bits) - 1);
      if (packing_.high_bits) before |= (high >> code & 1) << packing_.code_bits;
      int place = 1;
      for (int i = digit % packing_.weights_per_code + 1; i < packing_.weights_per_code; ++i)
        place *= packing_.base;
      const int run = numbers_[static_cast<size_t>(before)];
      value = packing_.codes[run + (static_cast<int>(stored) - run / place % packing_.base) * place];
    }
    write_bits(low, shift, packing_.code_bits, value);
    if (packing_.high_bits) write_bits(high, code, 1, value >> packing_.code_bits);
  }

 private:
  const Layout& layout_;
  const Packing& packing_;
  uint8_t* bytes_;
  int runs_ = 1;
  std::vector<int> numbers_;  // the runs of codes
};

}  // namespace tern::job

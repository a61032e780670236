// The order in which the sums of consecutive blocks are added up.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tern::runtime {

// Takes block sums s[0], s[1], ... s[n - 1] one by one, in ascending order, and gives what this loop leaves
// in s[0]:
//   for (stride = 1; stride < n; stride *= 2)
//     for (i = 0; i + stride < n; i += 2 * stride) s[i] += s[i + stride]
// It holds one sum for each bit of n that is set: the sum over 2^bit blocks.
class SumTree {
 public:
  void add(float sum) {
    size_t bit = 0;
    for (; count_ >> bit & 1; ++bit) sum = complete_[bit] + sum;
    complete_[bit] = sum;
    ++count_;
  }

  // 0 if nothing was added.
  float total() const {
    if (count_ == 0) return 0.0f;
    auto bit = static_cast<size_t>(std::countr_zero(count_));
    float sum = complete_[bit];
    for (++bit; count_ >> bit != 0; ++bit) {
      if (count_ >> bit & 1) sum = complete_[bit] + sum;
    }
    return sum;
  }

 private:
  uint32_t count_ = 0;
  std::array<float, 32> complete_;
};

}  // namespace tern::runtime

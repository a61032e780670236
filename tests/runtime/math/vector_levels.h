// Runs a test's body once with the code for every set of vector instructions that this CPU has.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "runtime/math/vector_ops.h"

namespace tern::runtime {

inline constexpr VectorLevel vector_levels[] = {VectorLevel::baseline, VectorLevel::ssse3,
                                                VectorLevel::sse4,     VectorLevel::avx2,
                                                VectorLevel::avx512,   VectorLevel::best};

template <class Body>
void for_every_vector_level(const Body& body) {
  for (const VectorLevel level : vector_levels) {
    const VectorOps ops = vector_ops(level);
    SCOPED_TRACE(ops.floats.instructions);
    body(ops);
  }
}

inline std::vector<float> random_row(size_t size, uint32_t seed, float spread = 1.0f) {
  std::mt19937 generator(seed);
  std::vector<float> row(size);
  for (float& x : row) x = spread * (static_cast<float>(generator()) * 0x1p-31f - 1.0f);
  return row;
}

// The same bits, or both NaN.
inline void expect_same(const std::vector<float>& got, const std::vector<float>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(expected[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i]))
        << "at " << i << ": " << got[i] << ", expected " << expected[i];
  }
}

}  // namespace tern::runtime

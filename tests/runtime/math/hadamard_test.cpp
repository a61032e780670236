#include "runtime/math/hadamard.h"

#include <gtest/gtest.h>

#include <bit>
#include <numeric>

#include "vector_levels.h"

namespace tern::runtime {
namespace {

// The definition, stage by stage.
std::vector<float> reference(std::vector<float> x, size_t block) {
  for (size_t h = 1; h < block; h *= 2) {
    for (size_t i = 0; i < x.size(); ++i) {
      if ((i & h) != 0) continue;
      const float a = x[i], b = x[i + h];
      x[i] = a + b;
      x[i + h] = a - b;
    }
  }
  return x;
}

TEST(Hadamard, IsTheReferenceOnEveryCpu) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const size_t block : {1, 2, 4, 8, 16, 32, 64, 128, 1024}) {
      for (const size_t blocks : {1, 3, 5}) {
        SCOPED_TRACE(block);
        const auto x = random_row(block * blocks, 1, 3.0f), signs = random_row(block * blocks, 2);
        std::vector<float> before(x.size()), out(x.size());
        for (size_t i = 0; i < x.size(); ++i) before[i] = x[i] * signs[i];
        ops.hadamard.transform(x.data(), signs.data(), nullptr, block, x.size(), out.data());
        expect_same(out, reference(before, block));
        std::vector<float> after = reference(x, block), in_place = x;
        for (size_t i = 0; i < x.size(); ++i) after[i] *= signs[i];
        ops.hadamard.transform(in_place.data(), nullptr, signs.data(), block, x.size(), in_place.data());
        expect_same(in_place, after);
      }
    }
  });
}

TEST(Hadamard, IsTheMatrixOfSylvester) {
  const auto x = random_row(64, 3);
  std::vector<float> out(64);
  vector_ops(VectorLevel::best).hadamard.transform(x.data(), nullptr, nullptr, 64, 64, out.data());
  for (size_t r = 0; r < 64; ++r) {
    double expected = 0;
    for (size_t c = 0; c < 64; ++c) expected += std::popcount(r & c) % 2 == 0 ? x[c] : -x[c];
    EXPECT_NEAR(out[r], expected, 1e-5);
  }
}

}  // namespace
}  // namespace tern::runtime

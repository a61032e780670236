#include "runtime/math/delta_rule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "vector_levels.h"

namespace tern::runtime {
namespace {

TEST(DeltaRule, GatesAreRight) {
  for (const float alpha : {-90.0f, -3.0f, 0.0f, 0.5f, 20.0f, 80.0f}) {
    for (const float beta : {-100.0f, -1.0f, 0.0f, 2.0f, 100.0f}) {
      const DeltaGates gates = delta_gates(alpha, 0.25f, -0.5f, beta);
      const double softplus = std::log1p(std::exp(static_cast<double>(alpha) + 0.25));
      EXPECT_NEAR(gates.decay, std::exp(-0.5 * softplus), 1e-7);
      EXPECT_NEAR(gates.strength, 1 / (1 + std::exp(-static_cast<double>(beta))), 1e-7);
    }
  }
  EXPECT_TRUE(std::isnan(delta_gates(std::nanf(""), 0, -1, 0).decay));
}

// The definition, number by number.
void reference(std::vector<float>& memory, size_t keys, size_t columns, const std::vector<float>& q,
               const std::vector<float>& k, const std::vector<float>& v, DeltaGates gates,
               std::vector<float>& out) {
  for (size_t j = 0; j < columns; ++j) {
    float sum = 0;
    for (size_t i = 0; i < keys; ++i) {
      float& at = memory[i * columns + j];
      at = at * gates.decay;
      const float product = k[i] * at;
      sum = i == 0 ? product : sum + product;
    }
    const float difference = (v[j] - sum) * gates.strength;
    for (size_t i = 0; i < keys; ++i) {
      float& at = memory[i * columns + j];
      const float more = k[i] * difference;
      at = at + more;
      const float product = q[i] * at;
      sum = i == 0 ? product : sum + product;
    }
    out[j] = sum;
  }
}

TEST(DeltaRule, IsTheReferenceOnEveryCpu) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const size_t columns : {1, 3, 8, 16, 17, 40, 64}) {
      for (const size_t keys : {1, 5, 64}) {
        auto memory = random_row(keys * columns, 1), expected = memory;
        const auto q = random_row(keys, 2), k = random_row(keys, 3), v = random_row(columns, 4);
        std::vector<float> out(columns), wanted(columns);
        for (const DeltaGates gates : {DeltaGates{0.9f, 0.5f}, DeltaGates{0.25f, 1.0f}}) {
          reference(expected, keys, columns, q, k, v, gates, wanted);
          ops.delta.update(memory.data(), columns, keys, columns, q.data(), k.data(), v.data(), gates,
                           out.data());
          expect_same(out, wanted);
          expect_same(memory, expected);
        }
      }
    }
  });
}

TEST(DeltaRule, ConvolutionIsTheSameOnEveryCpu) {
  const size_t sizes[] = {1, 7, 16, 64};
  for (const size_t size : sizes) {
    for (const size_t count : {size_t{1}, size_t{4}, size_t{9}}) {
      std::vector<std::vector<float>> rows;
      std::vector<const float*> taps;
      for (size_t j = 0; j < count; ++j) rows.push_back(random_row(size, static_cast<uint32_t>(j)));
      for (const auto& row : rows) taps.push_back(row.data());
      const auto weights = random_row(size * count, 50);
      std::vector<float> expected(size);
      vector_ops(VectorLevel::baseline)
          .delta.convolve(taps.data(), weights.data(), size, count, size, expected.data());
      for (size_t i = 0; i < size; ++i) {
        double sum = 0;
        for (size_t j = 0; j < count; ++j) sum += static_cast<double>(rows[j][i]) * weights[j * size + i];
        EXPECT_NEAR(expected[i], sum / (1 + std::exp(-sum)), 1e-6);
      }
      for_every_vector_level([&](const VectorOps& ops) {
        std::vector<float> out(size);
        ops.delta.convolve(taps.data(), weights.data(), size, count, size, out.data());
        expect_same(out, expected);
      });
    }
  }
}

}  // namespace
}  // namespace tern::runtime

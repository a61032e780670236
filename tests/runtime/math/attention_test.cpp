#include "runtime/math/attention.h"

#include <gtest/gtest.h>

#include "ir/half.h"
#include "scalar_reference.h"
#include "vector_levels.h"

namespace tern::runtime {
namespace {

// A cache of one layer and one head, filled with random keys and values, and what it holds in plain words.
struct Filled {
  KvCache cache;
  std::vector<std::vector<float>> keys, values;
};

Filled filled(size_t head_dimension, size_t positions, CacheElement element) {
  auto made = KvCache::make({.layers = 1,
                             .kv_heads = 1,
                             .head_dimension = head_dimension,
                             .capacity = positions,
                             .element = element});
  EXPECT_TRUE(made);
  Filled filled{made.take(), {}, {}};
  for (size_t p = 0; p < positions; ++p) {
    auto key = random_row(head_dimension, static_cast<uint32_t>(2 * p), 4.0f);
    auto value = random_row(head_dimension, static_cast<uint32_t>(2 * p + 1));
    filled.cache.store(0, 0, p, 1, key.data(), value.data(), head_dimension);
    if (element == CacheElement::f16) {
      for (float& x : key) x = ir::f16_to_f32(ir::f32_to_f16(x));
      for (float& x : value) x = ir::f16_to_f32(ir::f32_to_f16(x));
    }
    filled.keys.push_back(key);
    filled.values.push_back(value);
  }
  return filled;
}

std::vector<float> attend(const Filled& filled, size_t rows, size_t heads, size_t first_position,
                          const std::vector<float>& queries, float scale) {
  const CachedHead cached = filled.cache.head(0, 0);
  const size_t stride = heads * cached.head_dimension;
  std::vector<float> output(rows * stride);
  std::vector<float> scratch(attention_scratch_size(cached.head_dimension, first_position + rows));
  attention(cached, {rows, heads, stride, stride, first_position, scale}, queries.data(), output.data(),
            scratch.data());
  return output;
}

TEST(Attention, IsTheReference) {
  struct Case {
    size_t head_dimension, heads, rows, first_position;
  };
  for (const auto element : {CacheElement::f16, CacheElement::f32}) {
    for (const auto& c : {Case{128, 4, 1, 0}, Case{128, 4, 1, 99}, Case{100, 1, 1, 32}, Case{96, 1, 7, 61},
                          Case{64, 2, 23, 0}, Case{128, 4, 9, 120}, Case{1, 1, 3, 1}, Case{24, 5, 4, 31}}) {
      const size_t positions = c.first_position + c.rows;
      const Filled data = filled(c.head_dimension, positions, element);
      const auto queries = random_row(c.rows * c.heads * c.head_dimension, 77, 4.0f);
      std::vector<float> expected;
      for (size_t q = 0; q < c.rows * c.heads; ++q) {
        const auto begin = queries.begin() + static_cast<ptrdiff_t>(q * c.head_dimension);
        const std::vector<float> query(begin, begin + static_cast<ptrdiff_t>(c.head_dimension));
        const auto out =
            reference::attention(query, data.keys, data.values, c.first_position + q / c.heads + 1, 0.125f);
        expected.insert(expected.end(), out.begin(), out.end());
      }
      SCOPED_TRACE(c.head_dimension);
      for_every_vector_level(
          [&] { expect_same(attend(data, c.rows, c.heads, c.first_position, queries, 0.125f), expected); });
    }
  }
}

TEST(Attention, DoesNotDependOnWhatSharesACall) {
  constexpr size_t dimension = 64, heads = 3, rows = 13, first = 50;
  const Filled data = filled(dimension, first + rows, CacheElement::f16);
  const auto queries = random_row(rows * heads * dimension, 5, 6.0f);
  const auto together = attend(data, rows, heads, first, queries, 0.1f);
  for (size_t q = 0; q < rows * heads; ++q) {
    const auto begin = static_cast<ptrdiff_t>(q * dimension), end = begin + static_cast<ptrdiff_t>(dimension);
    const std::vector<float> query(queries.begin() + begin, queries.begin() + end);
    expect_same(attend(data, 1, 1, first + q / heads, query, 0.1f),
                {together.begin() + begin, together.begin() + end});
  }
}

TEST(Attention, StridedInPlaceRowsAndWhatLiesBehindTheLength) {
  constexpr size_t dimension = 40, positions = 37;
  Filled data = filled(dimension, 64, CacheElement::f32);
  const auto query = random_row(2 * dimension, 6);
  const auto expected = attend(data, 2, 1, positions - 2, query, 1.0f);
  // What a rewound sequence left behind must not matter, whatever it is.
  const std::vector<float> nan(dimension, std::nanf(""));
  for (size_t p = positions; p < 64; ++p) data.cache.store(0, 0, p, 1, nan.data(), nan.data(), dimension);
  std::vector<float> rows = random_row(200, 7);
  std::copy_n(query.begin(), dimension, rows.begin());
  std::copy_n(query.begin() + dimension, dimension, rows.begin() + 100);
  const auto before = rows;
  std::vector<float> scratch(attention_scratch_size(dimension, positions));
  attention(data.cache.head(0, 0), {2, 1, 100, 100, positions - 2, 1.0f}, rows.data(), rows.data(),
            scratch.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i], i % 100 < dimension ? expected[i / 100 * dimension + i % 100] : before[i]);
  }
}

TEST(Attention, IsRight) {
  constexpr size_t dimension = 128, positions = 3000;
  const Filled data = filled(dimension, positions, CacheElement::f32);
  const auto query = random_row(dimension, 8);
  const auto out = attend(data, 1, 1, positions - 1, query, 0.088f);
  std::vector<double> weights(positions), expected(dimension);
  double total = 0;
  for (size_t p = 0; p < positions; ++p) {
    double score = 0;
    for (size_t i = 0; i < dimension; ++i) score += static_cast<double>(query[i]) * data.keys[p][i];
    total += weights[p] = std::exp(score * 0.088f);
  }
  for (size_t p = 0; p < positions; ++p) {
    for (size_t i = 0; i < dimension; ++i) expected[i] += weights[p] / total * data.values[p][i];
  }
  for (size_t i = 0; i < dimension; ++i) ASSERT_NEAR(out[i], expected[i], 3e-6);
}

TEST(Attention, FaultsInTheCacheShow) {
  Filled data = filled(16, 8, CacheElement::f32);
  const std::vector<float> nan(16, std::nanf(""));
  data.cache.store(0, 0, 3, 1, nan.data(), nan.data(), 16);
  for_every_vector_level([&] {
    const auto out = attend(data, 1, 1, 7, random_row(16, 9), 1.0f);
    for (const float x : out) EXPECT_TRUE(std::isnan(x));
  });
}

}  // namespace
}  // namespace tern::runtime

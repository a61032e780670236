#include "runtime/math/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ir/half.h"
#include "scalar_reference.h"
#include "vector_levels.h"

namespace tern::runtime {
namespace {

// One layer and one head, filled with random keys and values, and what they are in plain words. The pages lie
// apart and in no order.
class Filled {
 public:
  Filled(size_t head_dimension, size_t positions, CacheElement element, size_t page_positions = 64)
      : shape{1, 1, head_dimension, page_positions, element},
        memory_((positions + page_positions - 1) / page_positions) {
    for (auto& page : memory_) page.resize(page_bytes(shape));
    for (auto& page : memory_) pages.push_back(page.data());
    std::ranges::reverse(pages);
    for (size_t p = 0; p < positions; ++p) {
      auto key = random_row(head_dimension, static_cast<uint32_t>(2 * p), 4.0f);
      auto value = random_row(head_dimension, static_cast<uint32_t>(2 * p + 1));
      store(p, key, value);
      if (element == CacheElement::f16) {
        for (float& x : key) x = ir::f16_to_f32(ir::f32_to_f16(x));
        for (float& x : value) x = ir::f16_to_f32(ir::f32_to_f16(x));
      }
      keys.push_back(key);
      values.push_back(value);
    }
  }

  void store(size_t position, const std::vector<float>& key, const std::vector<float>& value) {
    store_keys_values(float_ops(VectorLevel::best), shape, pages.data(), 0, 0, position, 1, key.data(),
                      value.data(), 0);
  }
  KeyValueHead head() const { return key_value_head(shape, pages.data(), 0, 0); }

  PageShape shape;
  std::vector<std::byte*> pages;
  std::vector<std::vector<float>> keys, values;

 private:
  std::vector<std::vector<std::byte>> memory_;
};

std::vector<float> attend(const Filled& filled, size_t rows, size_t heads, size_t first_position,
                          const std::vector<float>& queries, float scale,
                          const AttentionOps& ops = attention_ops(VectorLevel::best), size_t window = 0) {
  const size_t stride = heads * filled.shape.head_dimension;
  std::vector<float> output(rows * stride);
  std::vector<float> scratch(attention_scratch_size(filled.shape.head_dimension));
  ops.attend(filled.head(), {rows, heads, stride, first_position, scale, window}, queries.data(),
             output.data(), stride, scratch.data());
  return output;
}

std::vector<float> reference_of(const Filled& filled, size_t rows, size_t heads, size_t first_position,
                                const std::vector<float>& queries, float scale, size_t window = 0) {
  const auto dimension = static_cast<ptrdiff_t>(filled.shape.head_dimension);
  std::vector<float> expected;
  for (size_t q = 0; q < rows * heads; ++q) {
    const auto begin = queries.begin() + static_cast<ptrdiff_t>(q) * dimension;
    const auto out = reference::attention({begin, begin + dimension}, filled.keys, filled.values,
                                          first_position + q / heads + 1, scale, window);
    expected.insert(expected.end(), out.begin(), out.end());
  }
  return expected;
}

struct Case {
  size_t head_dimension, heads, rows, first_position;
};

TEST(Attention, IsTheReference) {
  for (const auto element : {CacheElement::f16, CacheElement::f32}) {
    for (const auto& c : {Case{128, 4, 1, 0}, Case{128, 4, 1, 99}, Case{100, 1, 1, 32}, Case{96, 1, 7, 61},
                          Case{64, 2, 23, 0}, Case{128, 4, 9, 120}, Case{1, 1, 3, 1}, Case{24, 5, 4, 31},
                          // More than one block of positions, more than one group of queries.
                          Case{64, 3, 1, 255}, Case{64, 3, 1, 256}, Case{32, 1, 9, 250}, Case{128, 7, 1, 700},
                          Case{16, 6, 17, 505}, Case{8, 1, 260, 0}}) {
      const Filled data(c.head_dimension, c.first_position + c.rows, element);
      const auto queries = random_row(c.rows * c.heads * c.head_dimension, 77, 4.0f);
      const auto expected = reference_of(data, c.rows, c.heads, c.first_position, queries, 0.125f);
      SCOPED_TRACE(testing::Message() << c.head_dimension << " " << c.first_position);
      for_every_vector_level([&](const VectorOps& ops) {
        expect_same(attend(data, c.rows, c.heads, c.first_position, queries, 0.125f, ops.attention),
                    expected);
      });
    }
  }
}

// Windows that end inside of blocks, at their ends, and before the first position.
TEST(Attention, AWindowHidesWhatLiesBeforeIt) {
  constexpr size_t dimension = 40, heads = 3;
  for (const size_t window : {1, 2, 31, 32, 33, 100, 255, 256, 257, 300, 512, 2000}) {
    for (const auto& c : {Case{dimension, heads, 1, 0}, Case{dimension, heads, 1, 700},
                          Case{dimension, heads, 40, 240}, Case{dimension, heads, 70, 500}}) {
      const Filled data(dimension, c.first_position + c.rows, CacheElement::f16);
      const auto queries = random_row(c.rows * heads * dimension, 78, 4.0f);
      const auto expected = reference_of(data, c.rows, heads, c.first_position, queries, 0.125f, window);
      SCOPED_TRACE(testing::Message() << window << " " << c.first_position);
      for_every_vector_level([&](const VectorOps& ops) {
        expect_same(attend(data, c.rows, heads, c.first_position, queries, 0.125f, ops.attention, window),
                    expected);
        // Block by block, as threads share few rows out.
        const size_t blocks = attention_blocks(c.first_position + c.rows);
        const size_t size = attention_partial_size(dimension);
        std::vector<float> partials(c.rows * heads * blocks * size), output(expected.size());
        std::vector<float> scratch(attention_scratch_size(dimension));
        const AttentionRows rows{c.rows, heads, heads * dimension, c.first_position, 0.125f, window};
        for (size_t block = first_seen(c.first_position, window) / attention_block; block < blocks; ++block)
          ops.attention.block(data.head(), rows, block, queries.data(),
                              {partials.data() + block * size, heads * blocks * size, blocks * size},
                              scratch.data());
        for (size_t q = 0; q < c.rows * heads; ++q) {
          const size_t position = c.first_position + q / heads;
          const size_t first = first_seen(position, window) / attention_block;
          ops.attention.combine(partials.data() + (q * blocks + first) * size,
                                attention_blocks(position + 1) - first, dimension,
                                output.data() + q * dimension);
        }
        expect_same(output, expected);
      });
    }
  }
}

TEST(Attention, AWindowIsRight) {
  constexpr size_t dimension = 64, positions = 600, window = 200;
  const Filled data(dimension, positions, CacheElement::f32);
  const auto query = random_row(dimension, 8);
  const auto out = attend(data, 1, 1, positions - 1, query, 0.1f, attention_ops(VectorLevel::best), window);
  std::vector<double> expected(dimension);
  double total = 0;
  for (size_t p = positions - window; p < positions; ++p) {
    double score = 0;
    for (size_t i = 0; i < dimension; ++i) score += static_cast<double>(query[i]) * data.keys[p][i];
    const double weight = std::exp(score * 0.1f);
    total += weight;
    for (size_t i = 0; i < dimension; ++i) expected[i] += weight * data.values[p][i];
  }
  for (size_t i = 0; i < dimension; ++i) EXPECT_NEAR(out[i], expected[i] / total, 1e-5);
}

TEST(Attention, DoesNotDependOnTheSizeOfPages) {
  constexpr size_t dimension = 48, heads = 3, rows = 5, first = 600;
  const auto queries = random_row(rows * heads * dimension, 5, 6.0f);
  const Filled one(dimension, first + rows, CacheElement::f16, 1024);
  const auto expected = attend(one, rows, heads, first, queries, 0.1f);
  expect_same(expected, reference_of(one, rows, heads, first, queries, 0.1f));
  for (size_t positions = 32; positions < 700; positions += 32) {
    const Filled data(dimension, first + rows, CacheElement::f16, positions);
    expect_same(attend(data, rows, heads, first, queries, 0.1f), expected);
  }
}

TEST(Attention, DoesNotDependOnWhatSharesACall) {
  constexpr size_t dimension = 64, heads = 3, rows = 13, first = 250;
  const Filled data(dimension, first + rows, CacheElement::f16);
  const auto queries = random_row(rows * heads * dimension, 5, 6.0f);
  const auto together = attend(data, rows, heads, first, queries, 0.1f);
  for (size_t q = 0; q < rows * heads; ++q) {
    const auto begin = static_cast<ptrdiff_t>(q * dimension), end = begin + static_cast<ptrdiff_t>(dimension);
    const std::vector<float> query(queries.begin() + begin, queries.begin() + end);
    expect_same(attend(data, 1, 1, first + q / heads, query, 0.1f),
                {together.begin() + begin, together.begin() + end});
  }
}

// As threads share it out: blocks in any order, then the queries' combinations.
TEST(Attention, BlocksMayBeTakenInAnyOrder) {
  constexpr size_t dimension = 72, heads = 5, rows = 20, first = 1010, blocks = 5;
  const size_t size = attention_partial_size(dimension);
  const Filled data(dimension, first + rows, CacheElement::f16);
  const auto queries = random_row(rows * heads * dimension, 5, 6.0f);
  const auto expected = reference_of(data, rows, heads, first, queries, 0.1f);
  std::mt19937 generator(1);
  for_every_vector_level([&](const VectorOps& ops) {
    std::vector<size_t> order(blocks);
    for (size_t block = 0; block < blocks; ++block) order[block] = block;
    std::ranges::shuffle(order, generator);
    std::vector<float> partials(rows * heads * blocks * size), output(expected.size());
    std::vector<float> scratch(attention_scratch_size(dimension));
    for (const size_t block : order) {
      ops.attention.block(data.head(), {rows, heads, heads * dimension, first, 0.1f}, block, queries.data(),
                          {partials.data() + block * size, heads * blocks * size, blocks * size},
                          scratch.data());
    }
    for (size_t q = 0; q < rows * heads; ++q) {
      ops.attention.combine(partials.data() + q * blocks * size, attention_blocks(first + q / heads + 1),
                            dimension, output.data() + q * dimension);
    }
    expect_same(output, expected);
  });
}

// As a step of few rows shares it out: a block for all rows of a sequence at once leaves, of each row, what
// it leaves of the row alone, wherever pages end, where the first rows do not see the block and where more
// queries than one group has share it.
TEST(Attention, ABlockForSeveralRowsIsThatOfEachRowAlone) {
  constexpr size_t dimension = 40, heads = 9, all_heads = 2 * heads, blocks = 3;
  const size_t size = attention_partial_size(dimension), head_stride = blocks * size;
  for (const size_t page_positions : {32, 64, 96, 256, 1024}) {
    for (const size_t first : {0, 1, 31, 60, 250, 255, 256, 508, 530}) {
      const Filled data(dimension, first + 8, CacheElement::f16, page_positions);
      const auto queries = random_row(8 * all_heads * dimension, 5, 6.0f);
      for_every_vector_level([&](const VectorOps& ops) {
        for (size_t rows = 1; rows <= 8; ++rows) {
          std::vector<float> scratch(attention_scratch_size(dimension));
          // The heads of another group lie between those of one row and the next.
          std::vector<float> together(rows * all_heads * head_stride, -1.0f), alone = together;
          for (size_t block = 0; block < attention_blocks(first + rows); ++block) {
            ops.attention.block(
                data.head(), {rows, heads, all_heads * dimension, first, 0.1f}, block, queries.data(),
                {together.data() + block * size, all_heads * head_stride, head_stride}, scratch.data());
            for (size_t row = 0; row < rows; ++row) {
              if (block >= attention_blocks(first + row + 1)) continue;
              for (size_t head = 0; head < heads; ++head)
                ops.attention.block(
                    data.head(), {1, 1, 0, first + row, 0.1f}, block,
                    queries.data() + (row * all_heads + head) * dimension,
                    {alone.data() + (row * all_heads + head) * head_stride + block * size, 0, 0},
                    scratch.data());
            }
          }
          SCOPED_TRACE(testing::Message() << page_positions << " " << first << " " << rows);
          for (size_t q = 0; q < rows * all_heads * blocks; ++q) {
            const auto begin = static_cast<ptrdiff_t>(q * size);
            // The numbers of the head, its maximum and its sum: what lies between is padding.
            const auto numbers = [&](const std::vector<float>& partials) {
              std::vector<float> result(partials.begin() + begin, partials.begin() + begin + dimension);
              const auto facts = partials.begin() + begin + static_cast<ptrdiff_t>(size) - 16;
              result.insert(result.end(), facts, facts + 2);
              return result;
            };
            expect_same(numbers(together), numbers(alone));
          }
        }
      });
    }
  }
}

TEST(Attention, StridedInPlaceRowsAndWhatLiesBehindTheLength) {
  constexpr size_t dimension = 40, positions = 37;
  Filled data(dimension, 64, CacheElement::f32);
  const auto query = random_row(2 * dimension, 6);
  const auto expected = attend(data, 2, 1, positions - 2, query, 1.0f);
  // What a rewound sequence left behind must not matter, whatever it is; nor what a later row sees to an
  // earlier.
  const std::vector<float> nan(dimension, std::nanf(""));
  for (size_t p = positions; p < 64; ++p) data.store(p, nan, nan);
  std::vector<float> rows = random_row(200, 7);
  std::copy_n(query.begin(), dimension, rows.begin());
  std::copy_n(query.begin() + dimension, dimension, rows.begin() + 100);
  const auto before = rows;
  std::vector<float> scratch(attention_scratch_size(dimension));
  attention_ops(VectorLevel::best)
      .attend(data.head(), {2, 1, 100, positions - 2, 1.0f}, rows.data(), rows.data(), 100, scratch.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i], i % 100 < dimension ? expected[i / 100 * dimension + i % 100] : before[i]);
  }
  data.store(positions - 1, nan, nan);
  const auto faulty = attend(data, 2, 1, positions - 2, query, 1.0f);
  expect_same({faulty.begin(), faulty.begin() + dimension}, {expected.begin(), expected.begin() + dimension});
  expect_same({faulty.begin() + dimension, faulty.end()}, nan);
}

TEST(Attention, IsRight) {
  constexpr size_t dimension = 128, positions = 3000;
  const Filled data(dimension, positions, CacheElement::f32);
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

// A block may weigh so little beside another that its factor is 0, first or last.
TEST(Attention, BlocksOfVeryDifferentScoresAreCombined) {
  constexpr size_t dimension = 16, positions = 600;
  for (const size_t loud : {0u, 300u, 599u}) {
    Filled data(dimension, positions, CacheElement::f32);
    data.keys[loud].assign(dimension, 30.0f);
    data.store(loud, data.keys[loud], data.values[loud]);
    const std::vector<float> query(dimension, 1.0f);
    const auto out = attend(data, 1, 1, positions - 1, query, 1.0f);
    expect_same(out, reference_of(data, 1, 1, positions - 1, query, 1.0f));
    for (size_t i = 0; i < dimension; ++i) EXPECT_FLOAT_EQ(out[i], data.values[loud][i]);
  }
}

TEST(Attention, FaultsInTheCacheShow) {
  for (const size_t at : {0u, 3u, 300u}) {
    Filled data(16, 301, CacheElement::f32);
    const std::vector<float> nan(16, std::nanf(""));
    data.store(at, nan, nan);
    for_every_vector_level([&](const VectorOps& ops) {
      const auto out = attend(data, 1, 1, 300, random_row(16, 9), 1.0f, ops.attention);
      for (const float x : out) EXPECT_TRUE(std::isnan(x));
    });
  }
}

}  // namespace
}  // namespace tern::runtime

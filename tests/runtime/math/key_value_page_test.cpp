#include "runtime/math/key_value_page.h"

#include <gtest/gtest.h>

#include <vector>

#include "ir/half.h"

namespace tern::runtime {
namespace {

float element(const std::byte* data, size_t index, CacheElement element) {
  switch (element) {
    case CacheElement::f16: return ir::f16_to_f32(reinterpret_cast<const uint16_t*>(data)[index]);
    case CacheElement::f32: return reinterpret_cast<const float*>(data)[index];
  }
  return 0;
}

// Small integers, which are exact in f16 too.
float number(size_t layer, size_t head, size_t position, size_t i) {
  return static_cast<float>((layer * 7919 + head * 977 + position * 101 + i) % 2039);
}

TEST(KeyValuePage, KeepsEveryRowInItsPlace) {
  constexpr size_t layers = 3, heads = 2, dimension = 100, padded = 112, positions = 70, width = 200;
  for (const size_t in_page : {32, 64, 96}) {
    for (const auto kind : {CacheElement::f16, CacheElement::f32}) {
      const PageShape shape{layers, heads, dimension, in_page, kind};
      const size_t bytes = kind == CacheElement::f16 ? 2 : 4;
      ASSERT_EQ(page_bytes(shape), layers * heads * in_page * (dimension + padded) * bytes);
      std::vector<std::vector<std::byte>> memory(3, std::vector<std::byte>(page_bytes(shape)));
      std::vector<std::byte*> pages;
      for (auto& page : memory) pages.push_back(page.data());
      // Rows of both heads side by side, 35 at a time.
      for (size_t layer = 0; layer < layers; ++layer) {
        for (size_t position = 0; position < positions; position += 35) {
          std::vector<float> keys, values;
          for (size_t row = 0; row < 35; ++row) {
            for (size_t i = 0; i < width; ++i) {
              keys.push_back(number(layer, i / dimension, position + row, i % dimension));
              values.push_back(-keys.back());
            }
          }
          for (size_t head = 0; head < heads; ++head) {
            store_keys_values(float_ops(VectorLevel::best), shape, pages.data(), layer, head, position, 35,
                              keys.data() + head * dimension, values.data() + head * dimension, width);
          }
        }
      }
      for (size_t layer = 0; layer < layers; ++layer) {
        for (size_t head = 0; head < heads; ++head) {
          const KeyValueHead found = key_value_head(shape, pages.data(), layer, head);
          EXPECT_EQ(found.keys % 64, 0u);
          EXPECT_EQ(found.values % 64, 0u);
          for (size_t p = 0; p < positions; ++p) {
            const size_t at = p % in_page;
            const std::byte* page = pages[p / in_page];
            for (size_t i = 0; i < padded; ++i) {
              const float expected = i < dimension ? number(layer, head, p, i) : 0.0f;
              ASSERT_EQ(element(page + found.values, at * padded + i, kind), -expected);
              if (i < dimension) {
                const size_t index = at / 32 * 32 * dimension + i * 32 + at % 32;
                ASSERT_EQ(element(page + found.keys, index, kind), expected);
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tern::runtime

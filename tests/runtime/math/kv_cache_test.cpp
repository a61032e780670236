#include "runtime/math/kv_cache.h"

#include <gtest/gtest.h>

#include <limits>

#include "ir/half.h"
#include "vector_levels.h"

namespace tern::runtime {
namespace {

float element(const void* data, size_t index, CacheElement element) {
  switch (element) {
    case CacheElement::f16: return ir::f16_to_f32(static_cast<const uint16_t*>(data)[index]);
    case CacheElement::f32: return static_cast<const float*>(data)[index];
  }
  return 0;
}

TEST(KvCache, KeepsEveryRowInItsPlace) {
  for (const auto kind : {CacheElement::f16, CacheElement::f32}) {
    const KvCacheShape shape{
        .layers = 3, .kv_heads = 2, .head_dimension = 100, .capacity = 70, .element = kind};
    auto made = KvCache::make(shape);
    ASSERT_TRUE(made);
    KvCache cache = made.take();
    EXPECT_EQ(cache.shape(), shape);
    // Rows of both heads side by side, 35 at a time. Small integers are exact in f16 too.
    const auto number = [](size_t layer, size_t head, size_t position, size_t i) {
      return static_cast<float>((layer * 7919 + head * 977 + position * 101 + i) % 2039);
    };
    for (size_t layer = 0; layer < 3; ++layer) {
      for (size_t position = 0; position < 70; position += 35) {
        std::vector<float> keys, values;
        for (size_t row = 0; row < 35; ++row) {
          for (size_t i = 0; i < 200; ++i) {
            keys.push_back(number(layer, i / 100, position + row, i % 100));
            values.push_back(-keys.back());
          }
        }
        for (size_t head = 0; head < 2; ++head) {
          cache.store(layer, head, position, 35, keys.data() + head * 100, values.data() + head * 100, 200);
        }
      }
    }
    for (size_t layer = 0; layer < 3; ++layer) {
      for (size_t head = 0; head < 2; ++head) {
        const CachedHead cached = cache.head(layer, head);
        EXPECT_EQ(reinterpret_cast<size_t>(cached.keys) % 64, 0u);
        EXPECT_EQ(reinterpret_cast<size_t>(cached.values) % 64, 0u);
        for (size_t p = 0; p < 70; ++p) {
          for (size_t i = 0; i < 112; ++i) {
            const float expected = i < 100 ? number(layer, head, p, i) : 0.0f;
            ASSERT_EQ(element(cached.values, p * 112 + i, kind), -expected);
            if (i < 100) {
              ASSERT_EQ(element(cached.keys, p / 32 * 3200 + i * 32 + p % 32, kind), expected);
            }
          }
        }
      }
    }
  }
}

TEST(KvCache, GrowsAndRewinds) {
  auto made = KvCache::make({.layers = 1, .kv_heads = 1, .head_dimension = 4, .capacity = 10});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->length(), 0u);
  made->extend(7);
  made->extend(3);
  EXPECT_EQ(made->length(), 10u);
  made->truncate(2);
  EXPECT_EQ(made->length(), 2u);
  made->extend(8);
  EXPECT_EQ(made->length(), 10u);
}

TEST(KvCache, RefusesWhatCannotBe) {
  constexpr size_t huge = std::numeric_limits<size_t>::max();
  for (const KvCacheShape& shape :
       {KvCacheShape{30, 5, 128, 0}, KvCacheShape{0, 5, 128, 64}, KvCacheShape{30, 5, 128, huge},
        KvCacheShape{huge, 1, 1, 1}, KvCacheShape{1, huge / 64, 1, 1}, KvCacheShape{1, 1, huge, 1},
        KvCacheShape{1, 1, huge / 2, 64}, KvCacheShape{1u << 16, 1u << 16, 1u << 16, 1u << 16},
        KvCacheShape{1, 1, 64, size_t{1} << 54}}) {
    const auto made = KvCache::make(shape);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("key"), std::string::npos) << made.error().message;
  }
}

}  // namespace
}  // namespace tern::runtime

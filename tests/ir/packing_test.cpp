#include "ir/packing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace tern::ir {
namespace {

TEST(Packing, TheTableIsInOrderAndNamesAreFound) {
  for (size_t i = 0; i < packings.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(packings[i].packing), i);
    EXPECT_EQ(packing_named(packings[i].name), packings[i].packing);
  }
  EXPECT_EQ(packing_named("b3"), std::nullopt);
  EXPECT_EQ(packing_named(""), std::nullopt);
}

TEST(Packing, BitsPerWeight) {
  EXPECT_EQ(bits_per_weight(Packing::b2), 2.0);
  EXPECT_EQ(bits_per_weight(Packing::b2_high_first), 2.0);
  EXPECT_EQ(bits_per_weight(Packing::i8), 8.0);
  EXPECT_EQ(bits_per_weight(Packing::bf16), 16.0);
  EXPECT_EQ(bits_per_weight(Packing::f32), 32.0);
}

TEST(Packing, EveryGroupOfTritsComesBackWhateverWasThereBefore) {
  for (const PackingRow& packing : packings) {
    if (!packing.holds_trits) continue;
    const int weights = packing.weights_per_group;
    const int groups = static_cast<int>(std::pow(3, weights));
    for (const uint8_t before : {0x00, 0xff, 0x5a}) {
      for (int group = 0; group < groups; ++group) {
        uint8_t byte = before;
        for (int digit = 0, rest = group; digit < weights; ++digit, rest /= 3)
          encode_trit(packing.packing, &byte, digit, rest % 3 - 1);
        for (int digit = 0, rest = group; digit < weights; ++digit, rest /= 3)
          ASSERT_EQ(decode_trit(packing.packing, &byte, digit), rest % 3 - 1) << packing.name;
      }
    }
  }
}

TEST(Packing, FirstTritLiesWhereTheNameSays) {
  uint8_t low = 0, high = 0, whole = 0;
  encode_trit(Packing::b2, &low, 0, 1);
  encode_trit(Packing::b2_high_first, &high, 0, 1);
  encode_trit(Packing::i8, &whole, 0, -1);
  EXPECT_EQ(low, 0x02);
  EXPECT_EQ(high, 0x80);
  EXPECT_EQ(whole, 0xff);
}

TEST(Packing, TheCodeOfNoTritIsVisible) {
  const uint8_t byte = 0xc0;  // 3 in the high bits
  EXPECT_EQ(decode_trit(Packing::b2_high_first, &byte, 0), 2);
  EXPECT_EQ(decode_trit(Packing::b2, &byte, 3), 2);
  EXPECT_EQ(decode_trit(Packing::b2, &byte, 0), -1);
}

TEST(Packing, DenseWeightsComeBack) {
  uint8_t bytes[4];
  for (int value = -128; value <= 127; ++value) {
    encode_dense(Packing::i8, bytes, static_cast<float>(value));
    EXPECT_EQ(decode_dense(Packing::i8, bytes), value);
  }
  for (const float value : {0.0f, -0.0f, 1.0f, -2.5f, 65504.0f}) {
    for (const Packing packing : {Packing::f16, Packing::f32}) {
      encode_dense(packing, bytes, value);
      const float back = decode_dense(packing, bytes);
      EXPECT_EQ(std::memcmp(&back, &value, 4), 0) << row(packing).name << " " << value;
    }
  }
  encode_dense(Packing::bf16, bytes, 1.00390625f);  // 1 + 2^-8: half a step, to even
  EXPECT_EQ(decode_dense(Packing::bf16, bytes), 1.0f);
  encode_dense(Packing::f16, bytes, 1e30f);
  EXPECT_TRUE(std::isinf(decode_dense(Packing::f16, bytes)));
}

}  // namespace
}  // namespace tern::ir

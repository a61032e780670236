#include "ir/kernel/packing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/support/random.h"

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
  EXPECT_DOUBLE_EQ(bits_per_weight(Packing::g3b5), 5.0 / 3);
  EXPECT_DOUBLE_EQ(bits_per_weight(Packing::g5b8), 1.6);
  EXPECT_DOUBLE_EQ(bits_per_weight(Packing::g5b8_signed), 1.6);
  EXPECT_EQ(bits_per_weight(Packing::b1), 1.0);
  EXPECT_EQ(bits_per_weight(Packing::i8), 8.0);
  EXPECT_EQ(bits_per_weight(Packing::bf16), 16.0);
  EXPECT_EQ(bits_per_weight(Packing::f32), 32.0);
}

TEST(Packing, EveryRunOfTritsOfACodeComesBackWhateverWasThereBefore) {
  for (const PackingInfo& packing : packings) {
    if (!packing.holds.trits) continue;
    const int weights = packing.weights_per_code;
    const int runs = static_cast<int>(std::pow(3, weights));
    for (const uint8_t before : {0x00, 0xff, 0x5a}) {
      for (int code = 0; code < packing.codes_per_group(); ++code) {
        for (int run = 0; run < runs; ++run) {
          std::vector<uint8_t> group(2 * packing.bytes_per_group, before);
          for (int i = 0, rest = run; i < weights; ++i, rest /= 3)
            encode_trit(packing.packing, group.data(), 2, code * weights + i, rest % 3 - 1);
          for (int i = 0, rest = run; i < weights; ++i, rest /= 3)
            ASSERT_EQ(decode_trit(packing.packing, group.data(), 2, code * weights + i), rest % 3 - 1)
                << packing.name;
          for (int byte = 0; byte < packing.bytes_per_group; ++byte)
            ASSERT_EQ(group[2 * byte + 1], before) << "bytes between those of the group are another's";
        }
      }
    }
  }
}

TEST(Packing, WholeGroupsOfRandomTritsComeBack) {
  testing::Random random(1);
  for (const PackingInfo& packing : packings) {
    if (!packing.holds.trits && !packing.holds.signs) continue;
    for (int round = 0; round < 1000; ++round) {
      std::vector<uint8_t> group(packing.bytes_per_group, static_cast<uint8_t>(random.pick(0, 255)));
      std::vector<int> trits;
      for (int i = 0; i < packing.weights_per_group; ++i)
        trits.push_back(packing.holds.trits ? static_cast<int>(random.pick(-1, 1)) : random.coin() ? 1 : -1);
      for (int i = 0; i < packing.weights_per_group; ++i)
        encode_trit(packing.packing, group.data(), 1, i, trits[i]);
      for (int i = 0; i < packing.weights_per_group; ++i)
        ASSERT_EQ(decode_trit(packing.packing, group.data(), 1, i), trits[i]) << packing.name;
    }
  }
}

TEST(Packing, CodesAreTheFormats) {
  const auto code = [](Packing packing, std::vector<int8_t> trits) { return code_of_trits(packing, trits); };
  EXPECT_EQ(code(Packing::g2b4, {-1, -1}), 0);
  EXPECT_EQ(code(Packing::g2b4, {1, 0}), 7);
  EXPECT_EQ(code(Packing::g3b5, {1, 1, 1}), 26);
  EXPECT_EQ(code(Packing::g3b5_signed, {-1, 0, 1}), 16 + 8);  // -9 + 1
  EXPECT_EQ(code(Packing::g3b5_signed, {1, 0, -1}), 8);
  EXPECT_EQ(code(Packing::g5b8, {0, 0, 0, 0, 0}), 121);
  EXPECT_EQ(code(Packing::g5b8_signed, {0, 0, 0, 0, 0}), 0);
  EXPECT_EQ(code(Packing::g5b8_signed, {1, 1, 1, 1, 1}), 121);
  EXPECT_EQ(code(Packing::g5b8_signed, {0, -1, 0, 0, 1}), 128 + 26);  // -27 + 1
  EXPECT_EQ(code(Packing::g5b8_fixed, {0, 0, 0, 0, 0}), 128);         // ceil(121 * 256 / 243)
  EXPECT_EQ(code(Packing::planes, {-1}), 2);
  EXPECT_EQ(code(Packing::b1, {1}), 1);
}

TEST(Packing, TheHighestBitOfCodesWithHalfATableNegates) {
  for (const PackingInfo& packing : packings) {
    if (!packing.half_table) continue;
    EXPECT_EQ(packing.table_entries(), 1 << 7) << "the sign is the highest bit of a byte";
    for (int code = 0; code < packing.table_entries(); ++code) {
      const int negated = code + packing.table_entries();
      for (int digit = 0; digit < packing.weights_per_code; ++digit) {
        EXPECT_EQ(trit_of_code(packing.packing, negated, digit), -trit_of_code(packing.packing, code, digit))
            << packing.name << " " << code;
      }
    }
  }
}

TEST(Packing, DigitsOfAFractionComeOutByMultiplication) {
  for (int code = 0; code < 256; ++code) {
    const int number = code * 243 >> 8;
    if ((256 * number + 242) / 243 != code) continue;  // stands for no trits
    for (int digit = 0, rest = code; digit < 5; ++digit, rest = rest * 3 % 256)
      EXPECT_EQ(trit_of_code(Packing::g5b8_fixed, code, digit), (rest * 3 >> 8) - 1);
  }
}

TEST(Packing, FirstTritLiesWhereTheNameSays) {
  uint8_t low = 0, high = 0, whole = 0;
  encode_trit(Packing::b2, &low, 1, 0, 1);
  encode_trit(Packing::b2_high_first, &high, 1, 0, 1);
  encode_trit(Packing::i8, &whole, 1, 0, -1);
  EXPECT_EQ(low, 0x02);
  EXPECT_EQ(high, 0x80);
  EXPECT_EQ(whole, 0xff);
}

TEST(Packing, TheCodeOfNoTritIsVisible) {
  const uint8_t byte = 0xc0;  // 3 in the high bits
  EXPECT_EQ(decode_trit(Packing::b2_high_first, &byte, 1, 0), 2);
  EXPECT_EQ(decode_trit(Packing::b2, &byte, 1, 3), 2);
  EXPECT_EQ(decode_trit(Packing::b2, &byte, 1, 0), -1);
}

TEST(Packing, SmallWholeNumbersShareAByte) {
  for (int first = -8; first <= 7; ++first) {
    for (int second = -8; second <= 7; ++second) {
      uint8_t byte = 0xa5;
      encode_dense(Packing::i4, &byte, static_cast<float>(first), 0);
      encode_dense(Packing::i4, &byte, static_cast<float>(second), 1);
      EXPECT_EQ(decode_dense(Packing::i4, &byte, 0), first);
      EXPECT_EQ(decode_dense(Packing::i4, &byte, 1), second);
    }
  }
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
      EXPECT_EQ(std::memcmp(&back, &value, 4), 0) << info(packing).name << " " << value;
    }
  }
  encode_dense(Packing::bf16, bytes, 1.00390625f);  // 1 + 2^-8: half a step, to even
  EXPECT_EQ(decode_dense(Packing::bf16, bytes), 1.0f);
  encode_dense(Packing::f16, bytes, 1e30f);
  EXPECT_TRUE(std::isinf(decode_dense(Packing::f16, bytes)));
}

}  // namespace
}  // namespace tern::ir

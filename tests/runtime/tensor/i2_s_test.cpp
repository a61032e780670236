#include "runtime/tensor/i2_s.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/counter_random.h"

namespace tern::runtime {
namespace {

constexpr I2sOrder orders[] = {I2sOrder::blocks_of_128, I2sOrder::blocks_of_64};

void set_code(std::vector<std::byte>& codes, uint64_t element, unsigned code, I2sOrder order) {
  const CodeBits bits = bits_of(element, order);
  codes[bits.byte] &= static_cast<std::byte>(~(3u << bits.shift));
  codes[bits.byte] |= static_cast<std::byte>(code << bits.shift);
}

// All weights 0, that is, all codes 1.
std::vector<std::byte> zeros(size_t bytes) {
  return std::vector<std::byte>(bytes, std::byte{0x55});
}

// The example that describes the format: w[0] = +1, w[33] = -1, the other 126 weights 0.
TEST(I2S, FormatExample) {
  std::vector<std::byte> codes = zeros(32);
  set_code(codes, 0, 2, I2sOrder::blocks_of_128);
  set_code(codes, 33, 0, I2sOrder::blocks_of_128);
  std::vector<std::byte> expected = zeros(32);
  expected[0] = std::byte{0x95};
  expected[1] = std::byte{0x45};
  EXPECT_EQ(codes, expected);
}

TEST(I2S, BitsInBlocksOf64) {
  EXPECT_EQ(bits_of(17, I2sOrder::blocks_of_64).byte, 1u);
  EXPECT_EQ(bits_of(17, I2sOrder::blocks_of_64).shift, 4u);
  EXPECT_EQ(bits_of(64 + 63, I2sOrder::blocks_of_64).byte, 31u);
  EXPECT_EQ(bits_of(64 + 63, I2sOrder::blocks_of_64).shift, 0u);
}

TEST(I2S, EveryElementHasBitsOfItsOwn) {
  for (const I2sOrder order : orders) {
    std::vector<int> taken(384);
    for (uint64_t e = 0; e < 384; ++e) {
      const CodeBits bits = bits_of(e, order);
      EXPECT_EQ(element_at(bits, order), e);
      ++taken[bits.byte * 4 + bits.shift / 2];
    }
    EXPECT_EQ(taken, std::vector<int>(384, 1));
  }
}

TEST(I2S, FindsACodeOfThreeWhereverItIs) {
  for (const I2sOrder order : orders) {
    for (const uint64_t element : {0u, 1u, 127u, 640u, 262144u, 300031u}) {
      std::vector<std::byte> codes =
          zeros(75008);  // 300032 elements: past the pieces that are searched at once
      EXPECT_EQ(find_bad_code(codes, order), std::nullopt);
      set_code(codes, element, 3, order);
      EXPECT_EQ(find_bad_code(codes, order), element);
    }
  }
}

TEST(I2S, AllZeroLooksAtEveryByte) {
  for (const size_t size : {1u, 7u, 8u, 31u, 32u}) {
    std::vector<std::byte> codes = zeros(size);
    EXPECT_TRUE(all_zero(codes));
    codes.back() = std::byte{0x54};
    EXPECT_FALSE(all_zero(codes));
  }
}

TEST(I2S, CountsAgreeWithCountingOneByOne) {
  const RandomStream random(1, "bytes");
  std::vector<std::byte> codes(1003);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::byte>(random.bits(i));
  uint64_t counts[4] = {};
  for (const std::byte byte : codes) {
    for (unsigned shift = 0; shift < 8; shift += 2) ++counts[static_cast<unsigned>(byte) >> shift & 3u];
  }
  EXPECT_EQ(count_codes(codes), (CodeCounts{counts[0], counts[1], counts[2], counts[3]}));
}

}  // namespace
}  // namespace tern::runtime

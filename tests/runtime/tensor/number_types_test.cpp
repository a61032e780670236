// Types of whole numbers with scales: what their bytes mean, told a second time, element by element.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "ir/half.h"
#include "runtime/tensor/tensor.h"
#include "runtime/tensor/tensor_rows.h"

namespace tern::runtime {
namespace {

using Bytes = std::span<const std::byte>;

unsigned at(Bytes bytes, size_t i) {
  return std::to_integer<unsigned>(bytes[i]);
}
float half_at(Bytes bytes, size_t i) {
  return ir::f16_to_f32(static_cast<uint16_t>(at(bytes, i) | at(bytes, i + 1) << 8));
}
float float_at(Bytes bytes, size_t i) {
  float value;
  std::memcpy(&value, bytes.data() + i, sizeof(value));
  return value;
}

// Digit n of five, the first of which counts most, of the number of base 3 in a byte.
int digit(unsigned byte, size_t n) {
  for (size_t i = 0; i < n; ++i) byte = byte * 3 % 256;
  return static_cast<int>(byte * 3 / 256);
}

// A row of two blocks, or of one scale and two blocks, and element e of it: where it lies, by the definition.
struct Format {
  TensorType type;
  size_t elements;  // of the row
  std::function<float(Bytes row, size_t e)> value;
};

float tq1_0(Bytes row, size_t e) {
  const Bytes block = row.subspan(e / 256 * 54);
  const size_t i = e % 256;
  const int d = i < 160   ? digit(at(block, i % 32), i / 32)
                : i < 240 ? digit(at(block, 32 + (i - 160) % 16), (i - 160) / 16)
                          : digit(at(block, 48 + (i - 240) % 4), (i - 240) / 4);
  return half_at(block, 52) * static_cast<float>(d - 1);
}
float ptq1_0(Bytes row, size_t e) {
  const Bytes block = row.subspan(e / 128 * 28);
  const size_t i = e % 128;
  const int d = i < 80    ? digit(at(block, i % 16), i / 16)
                : i < 120 ? digit(at(block, 16 + (i - 80) % 8), (i - 80) / 8)
                          : digit(at(block, 24 + (i - 120) % 2), (i - 120) / 2);
  return half_at(block, 26) * static_cast<float>(d - 1);
}
float tq2_0(Bytes row, size_t e) {
  const Bytes block = row.subspan(e / 256 * 66);
  const size_t i = e % 256;
  const unsigned code = at(block, i / 128 * 32 + i % 32) >> i % 128 / 32 * 2 & 3;
  return half_at(block, 64) * static_cast<float>(static_cast<int>(code) - 1);
}
template <size_t group>
float two_bits(Bytes row, size_t e) {
  const Bytes block = row.subspan(e / group * (2 + group / 4));
  const unsigned code = at(block, 2 + e % group / 4) >> e % 4 * 2 & 3;
  return half_at(block, 0) * static_cast<float>(static_cast<int>(code) - 1);
}
float q1_0(Bytes row, size_t e) {
  const Bytes block = row.subspan(e / 128 * 18);
  const bool is_plus = (at(block, 2 + e % 128 / 8) >> e % 8 & 1) != 0;
  return half_at(block, 0) * (is_plus ? 1.0f : -1.0f);
}
float iq1_bn(Bytes row, size_t e) {
  const Bytes block = row.subspan(2 + e / 64 * 13);
  const size_t run = e % 64 / 16, i = e % 16;
  const int d = i == 15 ? digit(at(block, 12), 4 - run) : digit(at(block, 3 * run + i / 5), 4 - i % 5);
  return half_at(row, 0) * static_cast<float>(d - 1);
}
float iq2_bn(Bytes row, size_t e) {
  const Bytes block = row.subspan(4 + e / 64 * 16);
  const unsigned code = at(block, e % 16) >> e % 64 / 16 * 2 & 3;
  return float_at(row, 0) * static_cast<float>(static_cast<int>(code) - 1);
}
float q4_0(Bytes row, size_t e) {
  const Bytes block = row.subspan(e / 32 * 18);
  const unsigned nibble = at(block, 2 + e % 16) >> e % 32 / 16 * 4 & 15;
  return half_at(block, 0) * static_cast<float>(static_cast<int>(nibble) - 8);
}
// The pattern of four lanes by sign and code, two bits a lane (lane 0 lowest), as other programs tabulate it.
float stq1_0(Bytes row, size_t e) {
  constexpr unsigned patterns[] = {0xa9, 0x89, 0x29, 0x09, 0xa6, 0x86, 0x26, 0x06,
                                   0x9a, 0x92, 0x1a, 0x12, 0x6a, 0x62, 0x4a, 0x42};
  const Bytes block = row.subspan(e / 256 * 42);
  const size_t i = e % 256, group = i / 64 * 16 + i % 16, lane = i % 64 / 16;
  const unsigned code = at(block, group / 2) >> group % 2 * 4 & 15;
  const bool is_minus = (at(block, 32 + group / 8) >> group % 8 & 1) != 0;
  const unsigned pattern = is_minus ? 0xaa - patterns[code] : patterns[code];
  return half_at(block, 40) * static_cast<float>(static_cast<int>(pattern >> 2 * lane & 3) - 1);
}
float q4_k(Bytes row, size_t e) {
  const Bytes block = row.subspan(e / 256 * 144), s = block.subspan(4);
  const size_t i = e % 256, run = i / 32;
  const unsigned a = run < 4 ? at(s, run) & 63 : (at(s, run + 4) & 15) | at(s, run - 4) >> 6 << 4;
  const unsigned b = run < 4 ? at(s, run + 4) & 63 : at(s, run + 4) >> 4 | at(s, run) >> 6 << 4;
  const unsigned q = at(block, 16 + i / 64 * 32 + i % 32) >> i % 64 / 32 * 4 & 15;
  return half_at(block, 0) * static_cast<float>(a) * static_cast<float>(q) -
         half_at(block, 2) * static_cast<float>(b);
}

const Format formats[] = {
    {TensorType::tq1_0, 512, tq1_0},       {TensorType::tq2_0, 512, tq2_0},
    {TensorType::q2_0, 128, two_bits<64>}, {TensorType::pq2_0, 256, two_bits<128>},
    {TensorType::ptq1_0, 256, ptq1_0},     {TensorType::q1_0, 256, q1_0},
    {TensorType::stq1_0, 512, stq1_0},     {TensorType::iq1_bn, 128, iq1_bn},
    {TensorType::iq2_bn, 128, iq2_bn},     {TensorType::q4_0, 64, q4_0},
    {TensorType::q4_k, 512, q4_k},
};

// Random bytes, whose scales are finite: no byte that may be the upper of a scale has all exponent bits.
std::vector<std::byte> random_bytes(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(random());
    if ((byte & std::byte{0x7c}) == std::byte{0x7c}) byte &= std::byte{0xef};
  }
  return bytes;
}

std::string name_of_format(const testing::TestParamInfo<Format>& info) {
  return std::string(name_of(info.param.type));
}
class NumberTypes : public testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(All, NumberTypes, testing::ValuesIn(formats), name_of_format);

TEST_P(NumberTypes, DecodeWhatTheirDefinitionSays) {
  const auto& [type, elements, value] = GetParam();
  for (unsigned seed = 0; seed < 20; ++seed) {
    const std::vector<std::byte> row = random_bytes(row_bytes(info(type), elements), seed);
    std::vector<float> values(elements);
    decode_row(type, row, values);
    for (size_t e = 0; e < elements; ++e)
      ASSERT_EQ(values[e], value(row, e)) << "seed " << seed << " element " << e;
  }
}

TEST_P(NumberTypes, NumbersAndScalesMakeTheSameValues) {
  const auto& [type, elements, value] = GetParam();
  const TensorTypeInfo& record = info(type);
  if (!record.has_numbers()) GTEST_SKIP() << "its values are not whole numbers with scales";
  const std::vector<std::byte> row = random_bytes(row_bytes(record, elements), 1);
  Tensor tensor{
      .type = type, .n = 1, .k = static_cast<uint32_t>(elements), .data = row, .weights = record.weights};
  std::vector<int8_t> numbers(elements);
  std::vector<float> scales(static_cast<size_t>(scales_of_row(tensor)));
  read_numbers(tensor, 0, numbers);
  read_scales(tensor, 0, scales);
  for (size_t e = 0; e < elements; ++e)
    ASSERT_EQ(scales[e * scales.size() / elements] * static_cast<float>(numbers[e]), value(row, e)) << e;
  tensor.scale = 0.5f;
  read_scales(tensor, 0, scales);
  EXPECT_EQ(scales[0] * static_cast<float>(numbers[0]), 0.5f * value(row, 0));
}

TEST_P(NumberTypes, WritingIsTheInverseOfReading) {
  const auto& [type, elements, value] = GetParam();
  const TensorTypeInfo& record = info(type);
  if (!record.write_numbers) GTEST_SKIP() << "not written without loss";
  std::mt19937 random(7);
  std::vector<int8_t> numbers(elements);
  for (size_t e = 0; e < elements; ++e) {
    const bool is_plus = random() % 2 == 0;
    numbers[e] = static_cast<int8_t>(is_plus ? 1 : -1);
    if (record.one_zero_in_four) {
      if (e % 64 / 16 == e % 4) numbers[e] = 0;  // one lane of each group
    } else if (record.weights.element != ir::Element::sign && random() % 2 == 0) {
      numbers[e] = 0;
    }
  }
  if (record.weights.element == ir::Element::i2) numbers[3] = 2;
  const size_t groups = record.weights.group == 0 ? 1 : elements / static_cast<size_t>(record.weights.group);
  const float some[] = {0.75f, -2.5f, 0.0f, 5.9604645e-8f};
  std::vector<float> scales(groups), read_back(groups);
  for (size_t i = 0; i < groups; ++i) scales[i] = some[i % 4];
  std::vector<std::byte> row(row_bytes(record, elements), std::byte{0xee});
  record.write_numbers(numbers, scales, row);
  std::vector<int8_t> read(elements);
  record.read_elements(row, reinterpret_cast<std::byte*>(read.data()));
  record.read_scales(row, read_back.data());
  EXPECT_EQ(read, numbers);
  EXPECT_EQ(read_back, scales);
  for (size_t e = 0; e < elements; ++e)
    ASSERT_EQ(value(row, e), scales[e * groups / elements] * static_cast<float>(numbers[e])) << e;
}

TEST_P(NumberTypes, EncodeRoundsToTheNearest) {
  const auto& [type, elements, value] = GetParam();
  if (!info(type).encode) GTEST_SKIP() << "floats are not rounded to it";
  std::mt19937 random(3);
  std::vector<float> values(elements), decoded(elements);
  const bool is_ternary = info(type).is_ternary(), has_zero = info(type).weights.element != ir::Element::sign;
  for (float& x : values) {
    x = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
    if (is_ternary) x = std::round(x * 1.3f);  // what a ternary type can hold
    if (!has_zero && x == 0) x = 1;
  }
  values[0] = -1;
  std::vector<std::byte> row(row_bytes(info(type), elements));
  encode_row(type, values, row);
  decode_row(type, row, decoded);
  for (size_t e = 0; e < elements; ++e) ASSERT_NEAR(decoded[e], values[e], is_ternary ? 0 : 0.13) << e;
}

TEST_P(NumberTypes, ScalesThatAreNotFiniteAreFound) {
  const auto& [type, elements, value] = GetParam();
  const TensorTypeInfo& record = info(type);
  const size_t bytes = row_bytes(record, elements);
  std::vector<std::byte> rows = random_bytes(2 * bytes, 5);
  EXPECT_EQ(record.find_bad(rows, 2 * elements, I2sOrder::blocks_of_128), std::nullopt);
  // Infinity in each place where two (or four) bytes make the first value of the last block infinite.
  size_t found = 0;
  for (size_t i = bytes; i + 2 <= 2 * bytes; ++i) {
    std::vector<std::byte> bad = rows;
    bad[i] = std::byte{0};
    bad[i + 1] = std::byte{0x7c};
    if (type == TensorType::iq2_bn && i == bytes + 2) bad[i] = std::byte{0x80}, bad[i + 1] = std::byte{0x7f};
    std::vector<float> values(elements);
    decode_row(type, std::span(bad).subspan(bytes), values);
    bool is_finite = true;
    for (const float x : values) is_finite &= std::isfinite(x);
    EXPECT_EQ(record.find_bad(bad, 2 * elements, I2sOrder::blocks_of_128).has_value(), !is_finite) << i;
    found += !is_finite;
  }
  EXPECT_GE(found, 1u);
}

TEST(NumberTypes, TwosAreSeen) {
  for (const TensorType type : {TensorType::q2_0, TensorType::pq2_0, TensorType::tq2_0, TensorType::iq2_bn}) {
    const TensorTypeInfo& record = info(type);
    for (size_t e = 0; e < 256; e += 17) {
      std::vector<int8_t> numbers(256, 1);
      const std::vector<float> scales(
          record.weights.group == 0 ? 1 : 256 / static_cast<size_t>(record.weights.group), 1);
      std::vector<std::byte> row(row_bytes(record, 256));
      record.write_numbers(numbers, scales, row);
      EXPECT_FALSE(record.has_two(row)) << record.name;
      numbers[e] = 2;
      record.write_numbers(numbers, scales, row);
      EXPECT_TRUE(record.has_two(row)) << record.name << " element " << e;
    }
  }
}

TEST(Iq2BnR4, RowsAreTakenApart) {
  constexpr size_t k = 128, row_size = 4 + k / 4;
  std::vector<std::byte> together = random_bytes(4 * row_size, 9), apart(4 * row_size);
  iq2_bn_r4_type.rewrite(together, k, apart);
  for (size_t row = 0; row < 4; ++row) {
    const Bytes one = Bytes(apart).subspan(row * row_size, row_size);
    EXPECT_EQ(float_at(one, 0), float_at(together, 4 * row));
    for (size_t e = 0; e < k; ++e) {
      const size_t i = e % 64, byte = 16 + e / 64 * 64 + 16 * (i / 16) + 4 * row + i % 4;
      const int code = static_cast<int>(at(together, byte) >> i % 16 / 4 * 2 & 3);
      ASSERT_EQ(iq2_bn(one, e), float_at(together, 4 * row) * static_cast<float>(code - 1))
          << row << " " << e;
    }
  }
}

}  // namespace
}  // namespace tern::runtime

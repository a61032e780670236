#include "runtime/tensor/tensor_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/counter_random.h"
#include "ir/half.h"

namespace tern::runtime {
namespace {

std::vector<std::byte> bytes_for(TensorType type, size_t elements) {
  return std::vector<std::byte>(row_bytes(info(type), elements));
}

std::vector<float> round_trip(TensorType type, const std::vector<float>& values) {
  std::vector<std::byte> bytes = bytes_for(type, values.size());
  encode_row(type, values, bytes);
  std::vector<float> decoded(values.size());
  decode_row(type, bytes, decoded);
  return decoded;
}

std::vector<float> random_values(size_t count) {
  const RandomStream random(7, "values");
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = random.signed_unit(i);
  return values;
}

TEST(TensorRows, DecodesQ8_0) {
  std::vector<std::byte> bytes = bytes_for(TensorType::q8_0, 64);
  const uint16_t half = ir::f32_to_f16(0.5f), minus_two = ir::f32_to_f16(-2.0f);
  std::memcpy(&bytes[0], &half, 2);
  std::memcpy(&bytes[34], &minus_two, 2);
  bytes[2] = std::byte{127};
  bytes[2 + 31] = std::byte{0x80};  // -128
  bytes[34 + 2 + 5] = std::byte{3};
  std::vector<float> values(64);
  decode_row(TensorType::q8_0, bytes, values);
  EXPECT_EQ(values[0], 63.5f);
  EXPECT_EQ(values[1], 0.0f);
  EXPECT_EQ(values[31], -64.0f);
  EXPECT_EQ(values[37], -6.0f);
}

// Each element's place by hand from the description of the format, not from the code's formula.
TEST(TensorRows, DecodesQ6_K) {
  std::vector<std::byte> bytes = bytes_for(TensorType::q6_k, 256);
  const uint16_t d = ir::f32_to_f16(0.25f);
  std::memcpy(&bytes[208], &d, 2);
  for (size_t i = 0; i < 16; ++i) bytes[192 + i] = static_cast<std::byte>(i + 1);  // scales 1 .. 16
  bytes[192 + 15] = static_cast<std::byte>(-16);
  bytes[0] = std::byte{0x5a};              // low nibble: element 0; high nibble: element 64
  bytes[32] = std::byte{0x3c};             // elements 32 and 96
  bytes[128] = std::byte{0b11100100};      // high bits of elements 0, 32, 64, 96: 0, 1, 2, 3
  bytes[64 + 33] = std::byte{0xf0};        // second half, elements 128+33 and 128+97: low bits 0 and 15
  bytes[160 + 1] = std::byte{0b11000000};  // of elements 129, 161, 193, 225
  std::vector<float> values(256);
  decode_row(TensorType::q6_k, bytes, values);
  EXPECT_EQ(values[0], 0.25f * 1 * (0x0a - 32));
  EXPECT_EQ(values[32], 0.25f * 3 * (0x1c - 32));
  EXPECT_EQ(values[64], 0.25f * 5 * (0x25 - 32));
  EXPECT_EQ(values[96], 0.25f * 7 * (0x33 - 32));
  EXPECT_EQ(values[161], 0.25f * 11 * -32);
  EXPECT_EQ(values[225], 0.25f * 15 * (0x3f - 32));
  EXPECT_EQ(values[255], 0.25f * -16 * -32);
}

TEST(TensorRows, EncodesQ8_0AsOtherProgramsDo) {
  std::vector<float> values(32, 0.0f);
  values[3] = -254.0f;  // the largest magnitude: d = 2
  values[4] = 5.0f;     // 2.5 rounds away from zero
  values[5] = -5.0f;
  std::vector<std::byte> bytes = bytes_for(TensorType::q8_0, 32);
  encode_row(TensorType::q8_0, values, bytes);
  uint16_t d = 0;
  std::memcpy(&d, bytes.data(), 2);
  EXPECT_EQ(ir::f16_to_f32(d), 2.0f);
  EXPECT_EQ(static_cast<int8_t>(bytes[2 + 3]), -127);
  EXPECT_EQ(static_cast<int8_t>(bytes[2 + 4]), 3);
  EXPECT_EQ(static_cast<int8_t>(bytes[2 + 5]), -3);
}

TEST(TensorRows, RoundTripsStayWithinTheStepOfEachType) {
  const std::vector<float> values = random_values(1024);
  const auto worst = [&](TensorType type) {
    const std::vector<float> decoded = round_trip(type, values);
    float largest = 0;
    for (size_t i = 0; i < values.size(); ++i)
      largest = std::fmax(largest, std::fabs(decoded[i] - values[i]));
    return largest;
  };
  EXPECT_EQ(worst(TensorType::f32), 0.0f);
  EXPECT_LE(worst(TensorType::f16), 0x1p-12f);
  EXPECT_LE(worst(TensorType::bf16), 0x1p-9f);
  EXPECT_LE(worst(TensorType::q8_0), 0.6f / 127);
  EXPECT_LE(worst(TensorType::q6_k), 1.1f / 32);  // a whole step at the end that has no code +32
}

TEST(TensorRows, ValuesOfTheFloatTypesSurviveExactly) {
  for (const TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16}) {
    const std::vector<float> once = round_trip(type, random_values(512));
    EXPECT_EQ(round_trip(type, once), once) << name_of(type);
  }
}

TEST(TensorRows, ZerosStayZeros) {
  for (const TensorTypeInfo* known : readable_types()) {
    if (!known->encode) continue;
    const TensorType type = known->type;
    EXPECT_EQ(round_trip(type, std::vector<float>(256)), std::vector<float>(256));
  }
}

}  // namespace
}  // namespace tern::runtime

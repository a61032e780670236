#include "runtime/tensor/tensor_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tern::runtime {
namespace {

using testing::HasSubstr;

uint64_t bytes(TensorType type, std::vector<uint64_t> dims) {
  const auto size = tensor_bytes(type, dims);
  EXPECT_TRUE(size) << size.error().text();
  return size ? *size : 0;
}

std::string refusal(TensorType type, std::vector<uint64_t> dims) {
  const auto size = tensor_bytes(type, dims);
  EXPECT_FALSE(size);
  return size ? "" : size.error().message;
}

TEST(TensorType, Sizes) {
  EXPECT_EQ(bytes(TensorType::f32, {}), 4u);
  EXPECT_EQ(bytes(TensorType::f32, {3, 5}), 60u);
  EXPECT_EQ(bytes(TensorType::bf16, {3, 5, 7}), 210u);
  EXPECT_EQ(bytes(TensorType::q8_0, {64, 3}), 204u);
  EXPECT_EQ(bytes(TensorType::q6_k, {2560, 128256}), 269'337'600u);
  EXPECT_EQ(bytes(TensorType::i2_s, {6912, 2560}), 6912u * 2560 / 4 + 32);
  EXPECT_EQ(bytes(TensorType::i2_s, {8640, 3200}), 8640u * 3200 / 4 + 32);
  EXPECT_EQ(bytes(TensorType::tl1, {8640, 3200}), 8640u * 3200 / 4 + 32);
  // 5/24 of a byte for all but 256 columns, of which TL2 may have up to 256 at 1/4; and the scale.
  EXPECT_EQ(bytes(TensorType::tl2, {3200, 8640}), (3200u - 256) * 8640 / 24 * 5 + 256 * 8640 / 4 + 32);
}

TEST(TensorType, RefusesSizesThatCannotBe) {
  EXPECT_THAT(refusal(TensorType::q6_k, {128, 2}), HasSubstr("not a whole number of Q6_K blocks of 256"));
  EXPECT_THAT(refusal(TensorType::i2_s, {3, 3}), HasSubstr("do not fill I2_S bytes"));
  EXPECT_THAT(refusal(TensorType::f32, {1ull << 32, 1ull << 32}), HasSubstr("63 bits"));
  EXPECT_THAT(refusal(TensorType::f32, {1ull << 62}), HasSubstr("63 bits"));
  EXPECT_THAT(refusal(TensorType::q8_0, {1ull << 63}), HasSubstr("63 bits"));
  EXPECT_THAT(refusal(TensorType::tl2, {128, 128}), HasSubstr("rows of 128 are no TL2 matrix"));
  EXPECT_THAT(refusal(TensorType::nvfp4, {128, 128}), HasSubstr("NVFP4 (40) cannot be read: its elements"));
}

TEST(TensorType, IdsAndNames) {
  EXPECT_EQ(find_tensor_type(36)->name, "I2_S");
  EXPECT_EQ(find_tensor_type(34)->name, "TQ1_0");
  EXPECT_EQ(find_tensor_type(37), nullptr);
  EXPECT_EQ(find_tensor_type(0xffffffff), nullptr);
}

}  // namespace
}  // namespace tern::runtime

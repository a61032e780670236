#include "runtime/gguf/tensor_type.h"

#include <fmt/format.h>

#include <cassert>
#include <limits>

namespace tern::runtime {
namespace {

constexpr std::string_view tile_remark = "its layout depends on tile sizes that the file does not hold";

constexpr TensorTypeRow table[] = {
    {TensorType::f32, "F32", SizeRule::blocks, 1, 4, ""},
    {TensorType::f16, "F16", SizeRule::blocks, 1, 2, ""},
    {TensorType::q4_0, "Q4_0", SizeRule::blocks, 32, 18, ""},
    {TensorType::q4_1, "Q4_1", SizeRule::blocks, 32, 20, ""},
    {TensorType::q5_0, "Q5_0", SizeRule::blocks, 32, 22, ""},
    {TensorType::q5_1, "Q5_1", SizeRule::blocks, 32, 24, ""},
    {TensorType::q8_0, "Q8_0", SizeRule::blocks, 32, 34, ""},
    {TensorType::q2_k, "Q2_K", SizeRule::blocks, 256, 84, ""},
    {TensorType::q3_k, "Q3_K", SizeRule::blocks, 256, 110, ""},
    {TensorType::q4_k, "Q4_K", SizeRule::blocks, 256, 144, ""},
    {TensorType::q5_k, "Q5_K", SizeRule::blocks, 256, 176, ""},
    {TensorType::q6_k, "Q6_K", SizeRule::blocks, 256, 210, ""},
    {TensorType::i8, "I8", SizeRule::blocks, 1, 1, ""},
    {TensorType::i16, "I16", SizeRule::blocks, 1, 2, ""},
    {TensorType::i32, "I32", SizeRule::blocks, 1, 4, ""},
    {TensorType::i64, "I64", SizeRule::blocks, 1, 8, ""},
    {TensorType::f64, "F64", SizeRule::blocks, 1, 8, ""},
    {TensorType::bf16, "BF16", SizeRule::blocks, 1, 2, ""},
    {TensorType::tq1_0, "TQ1_0", SizeRule::blocks, 256, 54, ""},
    {TensorType::tq2_0, "TQ2_0", SizeRule::blocks, 256, 66, ""},
    {TensorType::i2_s, "I2_S", SizeRule::i2_s, 0, 0, ""},
    {TensorType::tl1, "TL1", SizeRule::unknown, 0, 0, tile_remark},
    {TensorType::tl2, "TL2", SizeRule::unknown, 0, 0,
     "the number means TL2 in BitNet files and MXFP4 elsewhere"},
    {TensorType::iq1_bn, "IQ1_BN", SizeRule::unknown, 0, 0, "a type of ik_llama.cpp only"},
    {TensorType::iq2_bn, "IQ2_BN", SizeRule::unknown, 0, 0, "a type of ik_llama.cpp only"},
    {TensorType::iq2_bn_r4, "IQ2_BN_R4", SizeRule::unknown, 0, 0, "a type of ik_llama.cpp only"},
};

constexpr uint64_t largest = std::numeric_limits<int64_t>::max();

}  // namespace

const TensorTypeRow* find_tensor_type(uint32_t id) {
  for (const TensorTypeRow& row : table) {
    if (static_cast<uint32_t>(row.type) == id) return &row;
  }
  return nullptr;
}

const TensorTypeRow& row_of(TensorType type) {
  const TensorTypeRow* row = find_tensor_type(static_cast<uint32_t>(type));
  assert(row);
  return *row;
}

std::string_view name_of(TensorType type) {
  return row_of(type).name;
}

Expected<uint64_t> tensor_bytes(TensorType type, std::span<const uint64_t> dims) {
  uint64_t elements = 1;
  for (const uint64_t dim : dims) {
    if (__builtin_mul_overflow(elements, dim, &elements) || elements > largest) {
      return Error{"the product of its dimensions does not fit 63 bits"};
    }
  }
  const TensorTypeRow& row = row_of(type);
  switch (row.size_rule) {
    case SizeRule::blocks: {
      const uint64_t row_elements = dims.empty() ? 1 : dims[0];
      if (row_elements % row.block_elements != 0) {
        return Error{fmt::format("a row of {} elements is not a whole number of {} blocks of {}",
                                 row_elements, row.name, row.block_elements)};
      }
      uint64_t bytes = elements / row.block_elements;
      if (__builtin_mul_overflow(bytes, uint64_t{row.block_bytes}, &bytes) || bytes > largest) {
        return Error{"its size in bytes does not fit 63 bits"};
      }
      return bytes;
    }
    case SizeRule::i2_s:
      if (elements % 4 != 0) return Error{fmt::format("{} elements do not fill I2_S bytes of 4", elements)};
      return elements / 4 + 32;
    case SizeRule::unknown: break;
  }
  return Error{fmt::format("type {} ({}) cannot be read{}{}", row.name, static_cast<uint32_t>(type),
                           row.remark.empty() ? "" : ": ", row.remark)};
}

}  // namespace tern::runtime

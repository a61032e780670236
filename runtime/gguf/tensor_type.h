// The tensor types of GGUF files: their names, numbers and sizes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/expected.h"

namespace tern::runtime {

// The values are GGUF's ids. The numbers of the ternary types are those of bitnet.cpp and ik_llama.cpp:
// other programs have retired 36 and 38, and use 39 for MXFP4.
enum class TensorType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  i2_s = 36,
  tl1 = 38,
  tl2 = 39,
  iq1_bn = 134,
  iq2_bn = 135,
  iq2_bn_r4 = 335,
};

// How many bytes a tensor takes.
enum class SizeRule {
  blocks,   // every row is a whole number of blocks
  i2_s,     // a quarter of a byte an element, then 32 bytes that begin with one f32 scale
  unknown,  // the file alone does not tell, or this program does not know
};

struct TensorTypeRow {
  TensorType type;
  std::string_view name;
  SizeRule size_rule;
  uint32_t block_elements;  // along a row
  uint32_t block_bytes;
  std::string_view remark;  // for users whose file has this type and cannot be read; may be empty
};

// The row of a type id; null for an id that no known program writes.
const TensorTypeRow* find_tensor_type(uint32_t id);
const TensorTypeRow& row_of(TensorType type);
std::string_view name_of(TensorType type);

// Bytes of a tensor, exact. dims: fastest-varying first, none of them 0. Errors, without a location: the
// type's size is not known, the first dimension is not a whole number of blocks, or the size does not fit 63
// bits.
Expected<uint64_t> tensor_bytes(TensorType type, std::span<const uint64_t> dims);

}  // namespace tern::runtime

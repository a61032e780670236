// The tensor types of GGUF files, a record each: number, name and size, and for a type that this program
// reads also how its values are checked, decoded, encoded and packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "ir/kernel/layout.h"
#include "ir/kernel/problem.h"

namespace tern::runtime {

// The values are GGUF's ids, as their writers number them: 34, 35, 41 and 42 are ggml's, 36 to 39
// bitnet.cpp's (ggml has retired 36 and 38, and uses 39 for MXFP4), 134, 135 and 335 ik_llama.cpp's, 142 and
// 143 PrismML's. 43 is what ports of Tencent's STQ1_0 use.
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
  iq4_nl = 20,
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
  tl2 = 39,  // in BitNet's files; gguf/type_39.h tells what else the number means
  nvfp4 = 40,
  q1_0 = 41,
  q2_0 = 42,  // blocks of 64 weights; gguf/type_42.h tells what else the number means
  stq1_0 = 43,
  iq1_bn = 134,
  iq2_bn = 135,
  pq2_0 = 142,  // blocks of 128
  ptq1_0 = 143,
  iq2_bn_r4 = 335,
  mxfp4 = 0x10027,  // 39 in files of ggml; this number is ours alone
};

// How many bytes a tensor takes.
enum class SizeRule : uint8_t {
  rows,     // every row is row_header_bytes and a whole number of blocks
  flat,     // the tensor, row after row, is a whole number of blocks, and tail_bytes follow these
  own,      // own_bytes says
  unknown,  // the file alone does not tell, or this program does not know
};

// What files of some types do not tell.
enum class I2sOrder;  // runtime/tensor/i2_s.h
struct TileSizes;     // runtime/tensor/tile_sizes.h

// How often each weight occurs in a ternary matrix; `bad` counts codes that stand for no weight, `two` those
// of types whose fourth code is +2.
struct CodeCounts {
  uint64_t minus = 0, zero = 0, plus = 0, bad = 0, two = 0;
  bool operator==(const CodeCounts&) const = default;
};

// All that there is to say of a type. The second half is for types whose values this program reads; a pointer
// is null where it does not.
struct TensorTypeInfo {
  TensorType type;
  std::string_view name;
  SizeRule size_rule = SizeRule::unknown;
  uint32_t block_elements = 0, block_bytes = 0;
  uint32_t row_header_bytes = 0;
  uint32_t tail_bytes = 0;
  // Bytes of n rows of k elements, for the size rule `own`; nothing if they cannot be or do not fit 63 bits.
  std::optional<uint64_t> (*own_bytes)(uint64_t n, uint64_t k) = nullptr;
  // What `general.file_type` says of models whose layers have the type, in the programs that write it; 0:
  // none does. Nothing is to be decided by it.
  uint32_t file_type = 0;
  std::string_view remark = {};  // for users whose file has this type and cannot be read; may be empty

  // The W of the product that a matrix of this type makes, before it is known what its values allow
  // (narrow.h). Whole numbers (trit, sign, i2, i4, i8) have one scale for the tensor, the row or a group; for
  // the floating-point elements a row stands for itself. Also, for a scale of a row or a group, whether the
  // file holds it as f16 or f32.
  ir::Operand weights = {};

  // The first element (flattened) that is bad, or that begins a bad block: one that stands for no weight or
  // for a value that is not finite. `data` is without the tail. Runs at the speed of memory.
  std::optional<uint64_t> (*find_bad)(std::span<const std::byte> data, uint64_t elements,
                                      I2sOrder order) = nullptr;
  std::string_view fault = "holds a value that is not finite";  // what a tensor with such an element does

  // Rows of whole blocks to floats, and finite floats to rows: see tensor_rows.h. If row_header_bytes is not
  // 0, exactly one row.
  void (*decode)(std::span<const std::byte> bytes, std::span<float> values) = nullptr;
  void (*encode)(std::span<const float> values, std::span<std::byte> bytes) = nullptr;
  // What a row of `weights` is packed from: its elements, each of the bytes that weights.element is stored
  // in, and if these are scaled by row or group the f32 scales. decode gives scale * element.
  void (*read_elements)(std::span<const std::byte> row, std::byte* elements) = nullptr;
  void (*read_scales)(std::span<const std::byte> row, float* scales) = nullptr;
  // Of i2 elements: whether one in these whole rows is 2. Fast.
  bool (*has_two)(std::span<const std::byte> rows) = nullptr;
  // The inverse of read_elements and read_scales, exactly. Precondition: the type can hold the numbers, and
  // each scale is a value of weights.scale.
  void (*write_numbers)(std::span<const int8_t> numbers, std::span<const float> scales,
                        std::span<std::byte> row) = nullptr;
  bool one_zero_in_four = false;  // of every four weights in the order of STQ1_0 exactly one must be 0

  // A type that is not used as it lies: `rewrite` turns whole rows of k elements, a multiple of rows_together
  // rows, to the same number of bytes of the other type.
  uint32_t rows_together = 1;
  const TensorTypeInfo* rewritten_as = nullptr;
  void (*rewrite)(std::span<const std::byte> rows, uint64_t k, std::span<std::byte> to) = nullptr;
  // The same for a whole matrix whose codes lie in tiles, into as many zeros as the other type takes. Returns
  // the first element (flattened) found whose code stands for nothing, of which zeros stay. Precondition:
  // find_tile_fault finds none.
  std::optional<uint64_t> (*read_tiles)(std::span<const std::byte> data, const TileSizes& tiles,
                                        std::span<std::byte> to) = nullptr;

  // Of a matrix that is no rows but one run of codes (I2_S): how the codes lie, how many elements a block of
  // that layout has, the scale that its tail holds, whether all weights are 0 (fast where one of the first is
  // not), and how often each occurs.
  ir::Layout (*layout)(I2sOrder order) = nullptr;
  uint64_t (*layout_elements)(I2sOrder order) = nullptr;
  float (*read_scale)(std::span<const std::byte> tail) = nullptr;
  bool (*all_zero)(std::span<const std::byte> codes) = nullptr;
  CodeCounts (*count_codes)(std::span<const std::byte> codes) = nullptr;

  // Whether a matrix is whole numbers with scales, so that products of it can be summed exactly.
  bool has_numbers() const { return layout != nullptr || read_scales != nullptr; }
  bool has_rows() const { return decode != nullptr; }
  bool is_ternary() const {
    const ir::Element element = weights.element;
    return has_numbers() &&
           (element == ir::Element::trit || element == ir::Element::i2 || element == ir::Element::sign);
  }
};

// The types that this program reads, each in a file of its own or with its likes.
extern const TensorTypeInfo f32_type, f16_type, bf16_type;  // float_types.cpp
extern const TensorTypeInfo q8_0_type, q6_k_type;
extern const TensorTypeInfo q4_0_type, q4_k_type, iq4_nl_type;  // four_bit_types.cpp
extern const TensorTypeInfo i2_s_type;
extern const TensorTypeInfo tl1_type, tl2_type;                 // tl_types.cpp
extern const TensorTypeInfo q2_0_type, pq2_0_type, tq2_0_type;  // two_bit_types.cpp
extern const TensorTypeInfo tq1_0_type, ptq1_0_type;            // base3_types.cpp
extern const TensorTypeInfo q1_0_type;                          // sign_types.cpp
extern const TensorTypeInfo stq1_0_type;
extern const TensorTypeInfo iq1_bn_type, iq2_bn_type, iq2_bn_r4_type;  // iq_bn_types.cpp

// The record of a type id; null for an id that no known program writes.
const TensorTypeInfo* find_tensor_type(uint32_t id);
const TensorTypeInfo& info(TensorType type);
std::string_view name_of(TensorType type);

// The types that this program reads, in the order in which messages name them.
std::span<const TensorTypeInfo* const> readable_types();

// The names of the readable types for which `is_one` is true, for messages: "F32, F16 or BF16".
std::string names_of_types(bool (*is_one)(const TensorTypeInfo& type));

// Bytes of one row of k elements. Precondition: the type has the size rule `rows`.
constexpr uint64_t row_bytes(const TensorTypeInfo& type, uint64_t k) {
  return type.row_header_bytes + k / type.block_elements * type.block_bytes;
}

// Bytes of a tensor, exact. dims: fastest-varying first, none of them 0. Errors, without a location: the
// type's size is not known, its elements are not a whole number of blocks, or the size does not fit 63 bits.
Expected<uint64_t> tensor_bytes(TensorType type, std::span<const uint64_t> dims);

}  // namespace tern::runtime

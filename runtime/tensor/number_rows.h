// Tensor types whose rows are whole numbers with scales, from what is their own: a codec says how a block
// holds its numbers, and the record of the type (TensorTypeInfo) is made of that.
//
//   struct Codec {
//     static constexpr size_t elements = 64, bytes = 18;  // of a block
//     static constexpr size_t scale_at = 0;               // where its f16 scale is
//     static void read(const std::byte* block, int8_t* numbers);
//     static void write(const int8_t* numbers, std::byte* block);  // leaves the scale alone
//     static bool has_two(const std::byte* block);                 // only of i2: whether a number is 2
//   };
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "ir/half.h"
#include "runtime/tensor/bytes.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// The codes of `bytes` bytes, four a byte: whether one of them is 3. The count is a multiple of 8.
inline bool has_code_three(const std::byte* codes, size_t bytes) {
  uint64_t found = 0;
  for (size_t at = 0; at < bytes; at += 8) {
    const auto word = load<uint64_t>(codes + at);
    found |= word & word >> 1;
  }
  return (found & 0x5555555555555555u) != 0;
}

namespace number_rows {

template <class Codec>
std::optional<uint64_t> find_bad(std::span<const std::byte> data, uint64_t elements, I2sOrder) {
  const auto block = find_not_finite<uint16_t>(data.data() + Codec::scale_at, elements / Codec::elements,
                                               Codec::bytes, f16_exponent);
  if (!block) return std::nullopt;
  return *block * Codec::elements;
}

template <class Codec>
void read_elements(std::span<const std::byte> row, std::byte* elements) {
  for (size_t block = 0; block < row.size() / Codec::bytes; ++block)
    Codec::read(row.data() + block * Codec::bytes,
                reinterpret_cast<int8_t*>(elements) + block * Codec::elements);
}

template <class Codec>
void read_scales(std::span<const std::byte> row, float* scales) {
  for (size_t block = 0; block < row.size() / Codec::bytes; ++block)
    scales[block] = ir::f16_to_f32(load<uint16_t>(row.data() + block * Codec::bytes + Codec::scale_at));
}

template <class Codec>
bool has_two(std::span<const std::byte> data) {
  for (size_t at = 0; at < data.size(); at += Codec::bytes) {
    if (Codec::has_two(data.data() + at)) return true;
  }
  return false;
}

template <class Codec>
void write_numbers(std::span<const int8_t> numbers, std::span<const float> scales, std::span<std::byte> row) {
  for (size_t block = 0; block < scales.size(); ++block) {
    std::byte* to = row.data() + block * Codec::bytes;
    Codec::write(numbers.data() + block * Codec::elements, to);
    store(ir::f32_to_f16(scales[block]), to + Codec::scale_at);
  }
}

template <class Codec>
void decode(std::span<const std::byte> bytes, std::span<float> values) {
  int8_t numbers[Codec::elements];
  for (size_t block = 0; block < values.size() / Codec::elements; ++block) {
    const std::byte* from = bytes.data() + block * Codec::bytes;
    Codec::read(from, numbers);
    const float scale = ir::f16_to_f32(load<uint16_t>(from + Codec::scale_at));
    for (size_t i = 0; i < Codec::elements; ++i)
      values[block * Codec::elements + i] = scale * static_cast<float>(numbers[i]);
  }
}

// The nearest numbers to values, whose scale is the largest magnitude; nothing is 2. A sign has no zero: +1.
template <class Codec, bool is_sign>
void encode(std::span<const float> values, std::span<std::byte> bytes) {
  int8_t numbers[Codec::elements];
  for (size_t block = 0; block < values.size() / Codec::elements; ++block) {
    const float* from = values.data() + block * Codec::elements;
    float largest = 0;
    for (size_t i = 0; i < Codec::elements; ++i) largest = std::max(largest, std::fabs(from[i]));
    for (size_t i = 0; i < Codec::elements; ++i) {
      const bool rounds_to_zero = !is_sign && std::fabs(from[i]) * 2 < largest;
      numbers[i] = static_cast<int8_t>(rounds_to_zero || (largest == 0 && !is_sign) ? 0
                                       : from[i] < 0                                ? -1
                                                                                    : 1);
    }
    std::byte* to = bytes.data() + block * Codec::bytes;
    Codec::write(numbers, to);
    store(ir::f32_to_f16(largest), to + Codec::scale_at);
  }
}

}  // namespace number_rows

// The record of a type whose blocks share an f16 scale each. `element` is trit, i2 or sign.
template <class Codec, ir::Element element>
constexpr TensorTypeInfo number_type(TensorType type, std::string_view name, uint32_t file_type = 0) {
  TensorTypeInfo made = {.type = type,
                         .name = name,
                         .size_rule = SizeRule::rows,
                         .block_elements = Codec::elements,
                         .block_bytes = Codec::bytes,
                         .file_type = file_type,
                         .weights = {element, ir::Scaling::group, Codec::elements, ir::Element::f16},
                         .find_bad = number_rows::find_bad<Codec>,
                         .fault = "has a scale that is not finite",
                         .decode = number_rows::decode<Codec>,
                         .encode = number_rows::encode<Codec, element == ir::Element::sign>,
                         .read_elements = number_rows::read_elements<Codec>,
                         .read_scales = number_rows::read_scales<Codec>,
                         .write_numbers = number_rows::write_numbers<Codec>};
  if constexpr (element == ir::Element::i2) made.has_two = number_rows::has_two<Codec>;
  return made;
}

}  // namespace tern::runtime

// Element and vector types shared by kernels and programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tern::ir {

// What one element of a matrix, buffer or vector is. A `trit` is -1, 0 or +1, a `sign` -1 or +1, an `i2` -1,
// 0, +1 or +2 (the four codes of two bits, less one), an `i4` -8..7: these have no storage of their own, a
// Packing says how they become bytes.
enum class Element : uint8_t { trit, sign, i2, i4, i8, u8, i16, i32, f16, bf16, f32 };

std::string_view name(Element element);
std::optional<Element> element_named(std::string_view name);

// Bytes of one stored element; 0 for elements without storage of their own.
int size_in_bytes(Element element);
inline bool has_storage(Element element) {
  return size_in_bytes(element) != 0;
}
bool is_float(Element element);

// Smallest and largest value of an integer element.
int64_t lowest(Element element);
int64_t highest(Element element);

// A vector of `lanes` elements, printed like "i32x16".
struct VectorType {
  Element element = Element::i32;
  int lanes = 1;
  int bits() const { return size_in_bytes(element) * 8 * lanes; }
  bool operator==(const VectorType&) const = default;
};

std::string print(VectorType type);

// Reads "i32x16"; nothing if the text is no vector type of 1 to 1024 lanes.
std::optional<VectorType> parse_vector_type(std::string_view text);

// n / d rounded up, and n rounded up to a multiple of d, for n >= 0 and d > 0.
constexpr int64_t ceil_divide(int64_t n, int64_t d) {
  return (n + d - 1) / d;
}
constexpr int64_t round_up(int64_t n, int64_t d) {
  return ceil_divide(n, d) * d;
}

}  // namespace tern::ir

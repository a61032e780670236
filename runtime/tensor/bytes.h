// Reading and writing the bytes of tensors.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace tern::runtime {

static_assert(std::endian::native == std::endian::little, "GGUF files are read in place: little-endian only");

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void store(T value, std::byte* to) {
  std::memcpy(to, &value, sizeof(T));
}

// The exponent bits of a floating-point number: all are set in an infinity and a NaN.
inline constexpr uint32_t f32_exponent = 0x7f800000u;
inline constexpr uint16_t f16_exponent = 0x7c00u, bf16_exponent = 0x7f80u;

// The first of `count` words, `stride` bytes apart, whose exponent bits are all set. A piece is tested
// without a branch, so that the compiler makes vector code of it.
template <class Word>
std::optional<uint64_t> find_not_finite(const std::byte* bytes, uint64_t count, uint64_t stride,
                                        Word exponent) {
  constexpr uint64_t piece = 4096;
  const auto is_bad = [&](uint64_t i) { return (load<Word>(bytes + i * stride) & exponent) == exponent; };
  for (uint64_t start = 0; start < count; start += piece) {
    const uint64_t end = std::min(count, start + piece);
    Word bad = 0;
    for (uint64_t i = start; i < end; ++i) bad |= static_cast<Word>(is_bad(i));
    if (bad == 0) continue;
    for (uint64_t i = start; i < end; ++i) {
      if (is_bad(i)) return i;
    }
  }
  return std::nullopt;
}

}  // namespace tern::runtime

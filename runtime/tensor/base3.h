// Five trits in a byte, as ggml and its relatives hold them. A trit is stored as the digit trit + 1. The
// number v = 81 * digit[0] + 27 * digit[1] + 9 * digit[2] + 3 * digit[3] + digit[4] becomes the byte
// ceil(v * 256 / 243), so that digit n is the integer part of three times the fraction
// (byte * 3^n mod 256) / 256.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tern::runtime {

constexpr unsigned power_of_three(size_t n) {
  constexpr unsigned powers[] = {1, 3, 9, 27, 81};
  return powers[n];
}

// Trit `n` of a byte, 0 <= n < 5: -1, 0 or +1, whatever the byte.
constexpr int8_t trit_of(unsigned byte, size_t n) {
  const unsigned fraction = byte * power_of_three(n) & 255;
  return static_cast<int8_t>(static_cast<int>(fraction * 3 >> 8) - 1);
}

// The byte that holds the number v < 243.
constexpr uint8_t byte_of_number(unsigned v) {
  return static_cast<uint8_t>((v * 256 + 242) / 243);
}

}  // namespace tern::runtime

// Packings: how a group of weights becomes bytes. One row each; pack, reference and interpreter follow it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ir/type.h"

namespace tern::ir {

enum class Packing : uint8_t {
  b2,             // 4 trits a byte, codes 0, 1, 2 for -1, 0, +1, the first in the low bits
  b2_high_first,  // the same, the first in the high bits: I2_S
  i8,             // a trit, or a scaled weight, as a signed byte
  f16,
  bf16,
  f32,
};

struct PackingRow {
  Packing packing;
  std::string_view name;
  int weights_per_group;
  int bytes_per_group;
  bool holds_trits;
  bool holds_dense;
  // Bit position of digit i of a group whose digits are bit fields; bit_step is negative if the first digit
  // is in the high bits. Unused (0) by the packings of one weight a group.
  int bit_width, first_bit, bit_step;
  std::string_view meaning;
};

inline constexpr std::array<PackingRow, 6> packings = {{
    {Packing::b2, "b2", 4, 1, true, false, 2, 0, 2, "4 trits a byte, first in the low bits"},
    {Packing::b2_high_first, "b2h", 4, 1, true, false, 2, 6, -2, "4 trits a byte, first in the high bits"},
    {Packing::i8, "i8", 1, 1, true, true, 0, 0, 0, "one signed byte"},
    {Packing::f16, "f16", 1, 2, false, true, 0, 0, 0, "IEEE binary16"},
    {Packing::bf16, "bf16", 1, 2, false, true, 0, 0, 0, "bfloat16"},
    {Packing::f32, "f32", 1, 4, false, true, 0, 0, 0, "IEEE binary32"},
}};

constexpr const PackingRow& row(Packing packing) {
  return packings[static_cast<size_t>(packing)];
}
std::optional<Packing> packing_named(std::string_view name);

// Bits that one weight takes, without padding or scales.
double bits_per_weight(Packing packing);

// The trit (-1, 0, +1) in place `digit` of a group. Precondition: the packing holds trits. A code that stands
// for no trit (3 in b2) comes out as +2: readers of files must refuse it before.
int decode_trit(Packing packing, const uint8_t* group, int digit);

// Puts a trit into place `digit` of a group, leaving the other digits alone.
void encode_trit(Packing packing, uint8_t* group, int digit, int trit);

// The value of a dense weight before its scale. Precondition: the packing holds dense weights.
float decode_dense(Packing packing, const uint8_t* bytes);

// Stores a dense weight, rounding to nearest even. For i8 the value must be a whole number of -128..127.
void encode_dense(Packing packing, uint8_t* bytes, float value);

}  // namespace tern::ir

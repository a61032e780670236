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
  b2,             // codes 0, 1, 2 for -1, 0, +1, and of i2 3 for +2; the first in the low bits
  b2_high_first,  // the same, the first in the high bits: I2_S
  g2b4,           // pairs as base-3 numbers, the first pair in the high bits: TL1
  g3b5,           // triples as base-3 numbers, the highest bits in a byte of their own
  g3b5_signed,    // triples as distance from (0, 0, 0) in 4 bits, and a sign in a byte of their own: TL2
  g5b8,           // five trits as one base-3 number
  g5b8_signed,    // five trits as distance from (0, 0, 0, 0, 0) in 7 bits, and a sign above them
  g5b8_fixed,     // five trits as the fraction number / 243 in 8 bits: TQ1_0
  planes,         // a byte of +1 bits, then a byte of -1 bits
  b1,             // signs, a bit each: set for +1
  i4,             // whole numbers -8..7 plus 8, the first in the low bits
  i8,             // a trit, or a scaled weight, as a signed byte
  f16,
  bf16,
  f32,
};

// What a packing can hold.
struct Holds {
  bool trits = false, signs = false, dense = false;
  bool i2 = false;  // trits and +2
};

// A group of weights is a run of codes, each for `weights_per_code` weights. With c codes a byte
// (codes_per_byte), code i has its low `code_bits` bits in byte i / c, from bit first_bit + bit_step * (i %
// c) upwards; with `high_bits`, its highest bit is bit i of the group's last byte.
//
// With `half_table`, a code c with its highest bit s set stands for the negated trits of the code c - s. So
// look-up tables hold the codes without that bit alone, and what they give is negated where the bit is set.
// (g3b5s has such codes too, but its tables hold all of them: sums of activations that are negated after the
// look-up are added in bytes, and those of the eight codes of a group do not fit.)
struct PackingInfo {
  Packing packing;
  std::string_view name;
  int weights_per_group;
  int bytes_per_group;
  Holds holds;
  int weights_per_code;
  int code_bits;
  int first_bit, bit_step;  // bit_step is negative if the first code is in the high bits
  bool high_bits;
  std::string_view meaning;
  bool half_table = false;

  int codes_per_group() const { return weights_per_group / weights_per_code; }
  int codes_per_byte() const { return 8 / code_bits; }
  int code_count() const { return 1 << (code_bits + high_bits); }  // codes that the bits can hold
  int table_entries() const { return half_table ? code_count() / 2 : code_count(); }  // of a look-up table
};

inline constexpr std::array<PackingInfo, 15> packings = {{
    {Packing::b2,
     "b2",
     4,
     1,
     {.trits = true, .i2 = true},
     1,
     2,
     0,
     2,
     false,
     "4 trits a byte, first in the low bits"},
    {Packing::b2_high_first,
     "b2h",
     4,
     1,
     {.trits = true, .i2 = true},
     1,
     2,
     6,
     -2,
     false,
     "4 trits a byte, first in the high bits"},
    {Packing::g2b4, "g2b4", 4, 1, {.trits = true}, 2, 4, 4, -4, false, "2 pairs of trits a byte, base 3"},
    {Packing::g3b5,
     "g3b5",
     24,
     5,
     {.trits = true},
     3,
     4,
     0,
     4,
     true,
     "8 triples in 4 bytes of low bits and one of high bits, base 3"},
    {Packing::g3b5_signed,
     "g3b5s",
     24,
     5,
     {.trits = true},
     3,
     4,
     0,
     4,
     true,
     "8 triples in 4 bytes of magnitudes and one of signs"},
    {Packing::g5b8, "g5b8", 5, 1, {.trits = true}, 5, 8, 0, 8, false, "5 trits a byte, base 3"},
    {Packing::g5b8_signed,
     "g5b8s",
     5,
     1,
     {.trits = true},
     5,
     8,
     0,
     8,
     false,
     "5 trits a byte, a magnitude and a sign",
     true},
    {Packing::g5b8_fixed,
     "g5b8x",
     5,
     1,
     {.trits = true},
     5,
     8,
     0,
     8,
     false,
     "5 trits a byte, base-3 fraction"},
    {Packing::planes,
     "planes",
     8,
     2,
     {.trits = true},
     1,
     1,
     0,
     1,
     true,
     "8 trits in a byte of +1 bits and one of -1 bits"},
    {Packing::b1, "b1", 8, 1, {.signs = true}, 1, 1, 0, 1, false, "8 signs a byte"},
    {Packing::i4, "i4", 2, 1, {.dense = true}, 1, 4, 0, 4, false, "2 whole numbers a byte, plus 8"},
    {Packing::i8, "i8", 1, 1, {true, true, true, true}, 1, 8, 0, 8, false, "one signed byte"},
    {Packing::f16, "f16", 1, 2, {.dense = true}, 1, 0, 0, 0, false, "IEEE binary16"},
    {Packing::bf16, "bf16", 1, 2, {.dense = true}, 1, 0, 0, 0, false, "bfloat16"},
    {Packing::f32, "f32", 1, 4, {.dense = true}, 1, 0, 0, 0, false, "IEEE binary32"},
}};

constexpr const PackingInfo& info(Packing packing) {
  return packings[static_cast<size_t>(packing)];
}
std::optional<Packing> packing_named(std::string_view name);

// True if the packing can hold the weights of a problem: trits, signs, i2, or dense ones of that element.
bool can_hold(Packing packing, Element weight);

// Bits that one weight takes, without padding or scales.
double bits_per_weight(Packing packing);

// The code of a run of weights_per_code trits, and trit number `index` of the run that a code stands for. A
// code that stands for no trits gives any value between -1 and +2: readers of files must refuse it before.
// Preconditions: the packing holds trits or signs; signs are not 0. A packing that holds i2 has a code for +2
// as for a trit.
int code_of_trits(Packing packing, std::span<const int8_t> trits);
int trit_of_code(Packing packing, int code, int index);

// Weight number `index` of a group, a trit (-1, 0, +1; of i2 +2 too); the group's bytes lie `byte_stride`
// apart.
int decode_trit(Packing packing, const uint8_t* group, int64_t byte_stride, int index);

// Sets weight number `index` of a group, leaving the others alone.
void encode_trit(Packing packing, uint8_t* group, int64_t byte_stride, int index, int trit);

// Weight number `index` of a group of dense weights, before its scale.
float decode_dense(Packing packing, const uint8_t* group, int index = 0);

// Stores a dense weight, rounding to nearest even, leaving the others of its group alone. Whole numbers must
// be in range: -128..127 for i8, -8..7 for i4.
void encode_dense(Packing packing, uint8_t* group, float value, int index = 0);

}  // namespace tern::ir

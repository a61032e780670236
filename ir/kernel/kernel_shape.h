// What follows from a kernel's fields: the sizes of its loops and of its innermost tile.
#pragma once

#include <vector>

#include "ir/kernel/kernel.h"

namespace tern::ir {

// A loop of a schedule with its numbers worked out.
struct LoopExtent {
  LoopKind kind;
  Axis axis;
  int64_t step;
  int64_t trips;
  int64_t covers;  // trips * step: how far the loop reaches within its enclosing tile
};
std::vector<LoopExtent> loop_extents(const Kernel& kernel);

// The innermost tile: what one vector of packed weights holds.
struct Leaf {
  int lanes;                    // outputs
  int64_t k;                    // inputs
  int digits;                   // weights of a group
  int bytes;                    // of a group: vectors that are loaded
  std::vector<Factor> factors;  // what the layout must end in
};
Leaf leaf_of(const Kernel& kernel);

// What partial sums, where there are any, are held in: i16, or of mirrored codes that are looked up i8.
Element partial_element(const Kernel& kernel);

// True if strategy lookup has tables for a packing: codes of several trits, and not too many of them.
bool can_look_up(Packing packing, bool quads);

// What strategy tile multiplies with one instruction, or as good as one: told by the innermost step of m.
enum class TileUnit : uint8_t {
  quads,     // 1 row: four inputs of all outputs of a vector
  pairs,     // 2 rows: eight inputs of two outputs in each block of 16 bytes, i8mm
  matrices,  // 16 rows: 64 inputs of 16 outputs, AMX
};

struct TileShape {
  TileUnit unit;
  int64_t rows;     // of a unit
  int64_t k;        // inputs of a unit
  int64_t outputs;  // of a panel
  int64_t inputs;   // of a panel: k rounded up to whole units and to the layout's padding
};
// The level of a schedule's loops inside which panels lie: a panel is unpacked before the first loop over m
// that is not parallel or, if there is none, inside the loops over n; always outside the loops over k.
size_t panel_level(const Kernel& kernel);

// Precondition: the strategy is tile and the innermost step of m is 1, 2 or 16.
TileShape tile_shape(const Kernel& kernel);

// The look-up tables of a row of activations, for kernels of strategy lookup. For every code of a word of
// groups (see LayoutMap), in the order of k, there are two tables: the low bytes of the sums of activations
// that each code stands for, u8, and the high bytes, i8; a table has `entries` sums, and with `quads` there
// are four, one for each input of a quad. Sums of mirrored codes are split so that both parts can be negated,
// and small enough to be added in bytes: sum = low + 32 * high, low in -16..15, both i8. Digit d of code c in
// word w stands for input quads: w * word_k + 4 * (c * digits + d) + lane;  otherwise: w * word_k + c *
// digits + d.
struct TableShape {
  Packing packing;
  bool quads;
  int entries;     // of one table: PackingRow::table_entries
  int digits;      // weights a code
  int codes;       // of a group
  int64_t word_k;  // inputs of a word
  int64_t words;   // of a row, padding included
  bool operator==(const TableShape&) const = default;

  bool mirrored() const { return row(packing).mirrored; }
  // How sums are split: high = (sum - lowest_low) >> radix_bits.
  int radix_bits() const { return mirrored() ? 5 : 8; }
  int lowest_low() const { return mirrored() ? -16 : 0; }
  Element low_element() const { return mirrored() ? Element::i8 : Element::u8; }
  int lanes() const { return quads ? 4 : 1; }
  // Bytes of one code's low bytes, and of a row's: the same for its high bytes.
  int64_t code_bytes() const { return int64_t{entries} * lanes(); }
  int64_t row_bytes() const { return words * codes * code_bytes(); }
};
TableShape table_shape(const Kernel& kernel);

}  // namespace tern::ir

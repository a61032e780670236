// What follows from a kernel's fields: the sizes of its loops, of its innermost tile and of its tables.
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

// One vector of packed weights: what the innermost tile of a kernel reads at a time.
struct WeightVector {
  int lanes;                    // outputs
  int64_t k;                    // inputs
  int weights_per_group;        // of the packing
  int bytes_per_group;          // how many vectors of bytes are loaded: 1 unless a group's bytes lie apart
  std::vector<Factor> factors;  // what the layout must end in
};
WeightVector weight_vector(const Kernel& kernel);
// The same for another number of lanes than the kernel's innermost loop has.
WeightVector weight_vector(const Kernel& kernel, int64_t lanes);

// Rows of activations and inputs of the innermost tiles of m and k: of strategy tile one instruction's, of
// others one row and the inputs of a vector of weights.
struct InnermostTile {
  int64_t rows;
  int64_t k;
};
InnermostTile innermost_tile(const Kernel& kernel);

// What partial sums, where there are any, are held in: i16, or i8 where tables of signed parts are looked up
// (see TableShape).
Element partial_element(const Kernel& kernel);

// True if strategy lookup has tables for a packing: codes of several trits, and not too many of them.
bool can_look_up(Packing packing, bool by_dot4);

// True if strategy tile can multiply in tile registers: the groups of A are no larger than those of W, and at
// most max_kept_groups lie in one of these; or not both have groups.
bool fits_tile_registers(const Problem& problem);

// Of strategy tile: the weights that are unpacked together.
struct PanelShape {
  int64_t outputs;
  int64_t inputs;  // k rounded up to whole instructions and to the layout's padding
};
// Precondition: the strategy is tile.
PanelShape panel_shape(const Kernel& kernel);
// The level of a schedule's loops inside which panels lie: a panel is unpacked before the first loop over m
// that is not parallel or, if there is none, inside the loops over n; always outside the loops over k.
size_t panel_level(const Kernel& kernel);

// The look-up tables of a row of activations, for kernels of strategy lookup. Inputs are taken
// vector_k at a time, those of one vector of weights. For every code of the groups of these inputs (see
// LayoutMap), in the order of k, the sum of activations that each value of the code stands for is stored in
// two parts, each in a table of `entries` bytes:
//
//   sum = low + 2^radix_bits * high,  lowest_low <= low < lowest_low + 2^radix_bits
//
// With half_table the parts are such that both can be negated, and small enough to be added in bytes.
// With by_dot4 there are four pairs of tables, one for each byte of a lane. Weight d of code c of
// vector v is that of input
//   by_dot4:    v * vector_k + 4 * (c * weights_per_code + d) + byte of the lane
//   otherwise:  v * vector_k + c * weights_per_code + d
struct TableShape {
  Packing packing;
  bool by_dot4;
  int entries;  // of one table: PackingInfo::table_entries
  int weights_per_code;
  int codes;         // of a group
  int64_t vector_k;  // inputs of a vector of weights
  int64_t vectors;   // of a row of activations, padding included
  bool operator==(const TableShape&) const = default;

  bool half_table() const { return info(packing).half_table; }
  int radix_bits() const { return half_table() ? 5 : 8; }
  int lowest_low() const { return half_table() ? -16 : 0; }
  Element low_element() const { return half_table() ? Element::i8 : Element::u8; }
  int tables_per_code() const { return by_dot4 ? 4 : 1; }
  // Bytes of the low parts of one code, and of a row. The high parts have as many.
  int64_t code_bytes() const { return int64_t{entries} * tables_per_code(); }
  int64_t row_bytes() const { return vectors * codes * code_bytes(); }
};
// Precondition: the strategy is lookup.
TableShape table_shape(const Kernel& kernel);

}  // namespace tern::ir

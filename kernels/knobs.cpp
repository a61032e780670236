#include "kernels/knobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "ir/kernel/kernel_shape.h"
#include "kernels/row_buckets.h"
#include "kernels/tiling.h"

namespace tern::kernels {
namespace {

using ir::Strategy;
using ir::TileUnit;
using ir::Unpack;

// Inputs whose sums fit 16 bits: products of a code of two bits or of i2, at most 3, or of a trit's code, at
// most 2, with any i8; two of them in each of the i16 lanes for every four inputs.
int64_t widening_limit(const Recipe& recipe, ir::Element weight) {
  if (recipe.in_place > 1) return 64;
  const bool two_bits = row(recipe.packing).code_bits == 2 && recipe.unpack == Unpack::fields;
  return two_bits || weight == ir::Element::i2 ? 128 : 252;
}

// The same of sums that were looked up: a high byte of -2..1 for triples of activations, -1..0 for pairs,
// with any low byte; or 8 bits, for mirrored codes of five: parts of up to 20.
int64_t lookup_limit(const Recipe& recipe) {
  const int weights = row(recipe.packing).weights_per_code;
  if (row(recipe.packing).mirrored) return weights * 6;
  return weights * (weights == 2 ? 127 : 63);
}

int64_t multiple_below(int64_t limit, int64_t unit) {
  return std::max<int64_t>(limit / unit, 1) * unit;
}

// Packings whose codes stand for several weights keep more registers busy.
bool has_wide_codes(const Recipe& recipe) {
  return row(recipe.packing).high_bits || recipe.unpack != Unpack::fields;
}

Tiling tiling_of(const Recipe& recipe, const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  Tiling tiling = quad_tiling(target);
  if (recipe.strategy == Strategy::madd) {
    // Blocks of eight vectors are read a tenth slower. (f16 from memory, on Zen 5.)
    tiling.block_vectors = std::min<int64_t>(tiling.block_vectors, 4);
    return tiling;
  }
  if (!has_quad_dot(target, tiling.lanes * 32)) tiling = widening_tiling(target);
  // The layout is the same for every strategy and way to unpack that can share it.
  if (row(recipe.packing).weights_per_code > 1 || row(recipe.packing).high_bits)
    tiling.block_vectors = std::min<int64_t>(tiling.block_vectors, many_registers ? 4 : 2);
  if (has_wide_codes(recipe)) {
    const bool x86 = target.architecture == targets::Architecture::x86_64;
    tiling.row_tile = std::min<int64_t>(tiling.row_tile, !many_registers ? 4 : x86 ? 8 : 7);
  }
  if (recipe.in_place > 1) {
    tiling.row_tile = std::max<int64_t>(tiling.row_tile / recipe.in_place, 1);
    if (!many_registers) tiling.one_row_vectors = 2;
  }
  if (recipe.strategy == Strategy::lookup && recipe.quads) {
    tiling.row_tile = many_registers ? 2 : 1;
    tiling.one_row_vectors = 2;  // two sums each, and the tables
  }
  if (recipe.strategy == Strategy::lookup && !recipe.quads) {
    const int64_t lanes = std::max<int64_t>(target.vector_bits / 8, 16);
    tiling = {lanes, many_registers ? 2 : 1, 2, 1};
    // Tables of 256 bytes for each code come from the second level of caches: as many outputs as there are
    // registers for share them.
    if (row(recipe.packing).mirrored) tiling = {lanes, many_registers ? 4 : 1, 1, many_registers ? 4 : 1};
  }
  if (recipe.strategy == Strategy::addsub)
    tiling = {std::max<int64_t>(target.vector_bits / 16, 8), 4, many_registers ? 3 : 2, 2};
  // Matrices have 16 outputs.
  if (recipe.strategy == Strategy::tile && recipe.unit == TileUnit::matrices) tiling.lanes = 16;
  return tiling;
}

// Of strategies dot, tile and lookup of quads, which share layouts.
void set_inputs_of_quads(Knobs& knobs, const Recipe& recipe, ir::Element weight,
                         const targets::Target& target, bool one_row, bool unrolls_rows) {
  const int64_t leaf = leaf_inputs(recipe, knobs.lanes);
  const bool quad = has_quad_dot(target, knobs.lanes * 32);
  const Recipe plain{recipe.packing, Strategy::dot, plain_unpack(recipe.packing)};
  knobs.block_inputs = multiple_below(quad ? 64 : widening_limit(plain, weight), leaf);
  knobs.unrolled_inputs = knobs.block_inputs;
  if (recipe.strategy == Strategy::dot && !quad && recipe.offset == 1 && recipe.in_place < 3) {
    // Three digits in place are too large for 16 bits; and a block may be wider than what the sums hold.
    knobs.widen_every = std::min(knobs.block_inputs, multiple_below(widening_limit(recipe, weight), leaf));
    knobs.unrolled_inputs = knobs.widen_every;
  }
  if (!one_row && !unrolls_rows) knobs.unrolled_inputs = leaf;
  // Tables of 64 bytes and more fill four registers each.
  if (recipe.strategy == Strategy::lookup && target.architecture == targets::Architecture::aarch64)
    knobs.unrolled_inputs = leaf;
}

// As far ahead as is best for most kernels. Groups of several vectors are read in larger steps, and several
// rows take longer for each. Many rows hardly wait for weights, if the CPU's own prefetchers see them coming:
// whether they do hangs on the addresses that the code happens to have. (Compared on Zen 5: by kernels_bench
// for one row; for 64, one in six copies of the same code took 20 % longer without.)
int64_t prefetch_distance(const Recipe& recipe, const ir::Problem& problem) {
  const bool planes = problem.is_quantized() && row(recipe.packing).bytes_per_group > 1;
  if (planes || problem.m > 1) return 8192;
  return row(recipe.packing).mirrored ? 6144 : 4096;
}

// Tiles of equal height: 9 rows are 5 and 4, not 8 and 1, which would cost twice 8.
int64_t balanced_rows(int64_t rows, int64_t most) {
  return ir::ceil_divide(rows, ir::ceil_divide(rows, most));
}

// Few rows leave registers to the sums of more vectors, so that weights are read in the order in which they
// lie. Half of the registers hold sums.
int64_t vectors_beside(int64_t rows, const Tiling& tiling, const Knobs& knobs, const Recipe& recipe,
                       const targets::Target& target) {
  const int64_t registers_each = recipe.in_place * (knobs.widen_every > 0 ? 2 : 1);
  int64_t vectors = tiling.row_vectors;
  while (2 * vectors <= tiling.block_vectors &&
         2 * vectors * rows * registers_each <= target.vector_registers / 2)
    vectors *= 2;
  return vectors;
}

constexpr int64_t most_rows_a_panel = 512;

void set_panels(Knobs& knobs, const Recipe& recipe, const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  knobs.panel_rows = most_rows_a_panel;
  switch (recipe.unit) {
    case TileUnit::quads: {
      const bool widens = !has_quad_dot(target, knobs.lanes * 32) && recipe.offset == 1;
      knobs.unrolled_inputs = widens ? 128 : 64;
      knobs.widen_every = widens ? knobs.unrolled_inputs : 0;
      const Tiling tiling = widens ? widening_tiling(target) : quad_tiling(target);
      knobs.tile_rows = tiling.row_tile;
      knobs.tile_vectors = tiling.row_vectors;
      return;
    }
    case TileUnit::pairs:
      knobs.unrolled_inputs = 64;
      knobs.tile_rows = many_registers ? 8 : 4;
      knobs.tile_vectors = 2;
      return;
    case TileUnit::matrices:
      knobs.unrolled_inputs = 128;
      knobs.tile_rows = 32;
      knobs.tile_vectors = 2;
      return;
  }
}

}  // namespace

std::string print(const Knobs& knobs) {
  std::string text = fmt::format("lanes {}, block {} x {}, tile {} x ", knobs.lanes, knobs.block_vectors,
                                 knobs.block_inputs, knobs.tile_rows);
  text += knobs.tile_vectors == 0 ? "all" : fmt::format("{}", knobs.tile_vectors);
  text += fmt::format(", unroll {}", knobs.unrolled_inputs);
  if (knobs.widen_every > 0) text += fmt::format(", widen {}", knobs.widen_every);
  if (knobs.panel_rows > 0) text += fmt::format(", panel {}", knobs.panel_rows);
  if (knobs.rows_outside) text += ", rows outside";
  if (knobs.prefetch_bytes > 0) text += fmt::format(", prefetch {}", knobs.prefetch_bytes);
  return text;
}

std::optional<Knobs> parse_knobs(std::string_view text) {
  Knobs knobs;
  std::istringstream words{std::string(text)};
  std::string word, by, second;
  const auto number = [&](int64_t& value) { return static_cast<bool>(words >> value); };
  while (words >> word) {
    bool good = false;
    if (word == "lanes") good = number(knobs.lanes);
    if (word == "block") good = number(knobs.block_vectors) && words >> by && number(knobs.block_inputs);
    if (word == "tile") {
      good = number(knobs.tile_rows) && words >> by >> second;
      if (second.starts_with("all"))
        knobs.tile_vectors = 0;
      else
        good = good && std::istringstream(second) >> knobs.tile_vectors;
    }
    if (word == "unroll") good = number(knobs.unrolled_inputs);
    if (word == "widen") good = number(knobs.widen_every);
    if (word == "panel") good = number(knobs.panel_rows);
    if (word == "rows") good = knobs.rows_outside = static_cast<bool>(words >> by);
    if (word == "prefetch") good = number(knobs.prefetch_bytes);
    if (!good) return std::nullopt;
    if (words.peek() == ',') words.get();
  }
  return print(knobs) == text ? std::optional(knobs) : std::nullopt;
}

Knobs default_knobs(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target) {
  const Tiling tiling = tiling_of(recipe, target);
  const bool one_row = problem.m == 1;
  Knobs knobs;
  knobs.lanes = tiling.lanes;
  knobs.block_vectors = tiling.block_vectors;
  knobs.tile_rows = balanced_rows(problem.m, tiling.row_tile);
  knobs.tile_vectors = one_row ? tiling.one_row_vectors : tiling.row_vectors;
  knobs.prefetch_bytes = prefetch_distance(recipe, problem);

  switch (recipe.strategy) {
    case Strategy::lookup:
      if (!recipe.quads) {
        // A few steps laid out: more would crowd the registers.
        knobs.unrolled_inputs = multiple_below(32, leaf_inputs(recipe, knobs.lanes));
        knobs.block_inputs = multiple_below(lookup_limit(recipe), knobs.unrolled_inputs);
        knobs.widen_every = knobs.block_inputs;
        break;
      }
      [[fallthrough]];
    case Strategy::dot:
      set_inputs_of_quads(knobs, recipe, problem.w.element, target, one_row, tiling.unrolls_rows);
      break;
    case Strategy::tile:
      set_inputs_of_quads(knobs, recipe, problem.w.element, target, one_row, tiling.unrolls_rows);
      set_panels(knobs, recipe, target);
      break;
    case Strategy::addsub:
      knobs.block_inputs = knobs.widen_every = 128;
      knobs.unrolled_inputs = 8;
      break;
    case Strategy::madd:
      knobs.block_inputs = problem.w.scaling == ir::Scaling::group ? problem.w.group : 8;
      knobs.unrolled_inputs = 8;
      break;
  }
  const bool tiles = recipe.strategy == Strategy::dot || recipe.strategy == Strategy::madd;
  if (tiles && !one_row && is_decode(problem.m))
    knobs.tile_vectors = vectors_beside(knobs.tile_rows, tiling, knobs, recipe, target);
  // Sums that wait in 16 bits leave no register to what many rows hardly need.
  if (!is_decode(problem.m) && knobs.widen_every > 0) knobs.prefetch_bytes = 0;
  return knobs;
}

ir::Kernel make_kernel(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target) {
  return make_kernel(recipe, default_knobs(recipe, problem, target), problem);
}

}  // namespace tern::kernels

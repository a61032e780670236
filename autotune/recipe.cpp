#include "autotune/recipe.h"

#include <fmt/format.h>

#include <algorithm>

#include "autotune/tiling.h"

namespace tern::autotune {
namespace {

using ir::Axis;
using ir::Factor;
using ir::LoopKind;
using ir::Strategy;
using ir::TileUnit;
using ir::Unpack;

// --- Which recipes there are.

void add_dots(std::vector<Recipe>& all, ir::Packing packing) {
  for (const Unpack unpack : {Unpack::fields, Unpack::table, Unpack::multiply}) {
    if (!can_unpack(packing, unpack)) continue;
    all.push_back({packing, Strategy::dot, unpack});
    if (packing == ir::Packing::b2 && unpack == Unpack::fields) {
      for (const int in_place : {2, 3, 4}) all.push_back({packing, Strategy::dot, unpack, 1, in_place});
    }
    all.push_back({packing, Strategy::dot, unpack, 0});
    for (const TileUnit unit : {TileUnit::quads, TileUnit::pairs, TileUnit::matrices}) {
      // Pairs take two quads of inputs at a time.
      if (unit != TileUnit::pairs || row(packing).weights_per_group % 2 == 0)
        all.push_back({packing, Strategy::tile, unpack, 1, 1, false, unit});
    }
  }
}

void add_lookups(std::vector<Recipe>& all, ir::Packing packing) {
  const ir::PackingRow& codes = row(packing);
  if (codes.weights_per_code < 2 || codes.code_count() > 64) return;
  for (const bool quads : {false, true})
    all.push_back({packing, Strategy::lookup, Unpack::fields, 0, 1, quads});
}

// --- Layouts and loops.

// The smallest power of two of vectors, up to `most`, that holds n outputs.
int64_t block_vectors(int64_t n, int64_t lanes, int64_t most) {
  int64_t vectors = 1;
  while (vectors < most && vectors * lanes < n) vectors *= 2;
  return vectors;
}

void append(std::vector<Factor>& factors, Axis axis, int64_t modulus, int64_t divisor) {
  if (modulus != divisor) factors.push_back({axis, modulus, divisor});
}

// Blocks of `block` outputs; within one, steps of k; within a step, the block's vectors side by side.
std::vector<Factor> blocked_factors(int64_t block, int64_t lanes, int64_t k_block, const ir::Leaf& leaf) {
  std::vector<Factor> factors = {{Axis::n, 0, block}, {Axis::k, 0, k_block}};
  append(factors, Axis::k, k_block, leaf.k);
  append(factors, Axis::n, block, lanes);
  factors.insert(factors.end(), leaf.factors.begin(), leaf.factors.end());
  return factors;
}

// What a kernel's loops are made of.
struct Sizes {
  Tiling tiling;
  int64_t block;                  // outputs that lie together
  std::vector<int64_t> k_blocks;  // loops over k, outermost first
  int64_t k_step;                 // of the unrolled loop
};

class Loops {
 public:
  Loops(ir::Schedule& schedule, const Sizes& sizes, const ir::Problem& problem)
      : schedule_(schedule), sizes_(sizes), problem_(problem) {}

  // One row, or tiles of a few rows that share unpacked weights.
  void add_plain() {
    const Tiling& tiling = sizes_.tiling;
    add(LoopKind::parallel, Axis::n, sizes_.block);
    if (problem_.m > 1) add(LoopKind::parallel, Axis::m, std::min(problem_.m, tiling.row_tile));
    const int64_t vectors = problem_.m > 1 ? tiling.row_vectors : tiling.one_row_vectors;
    const int64_t tile_outputs = vectors == 0 ? sizes_.block : std::min(sizes_.block, vectors * tiling.lanes);
    if (tile_outputs != sizes_.block) add(LoopKind::sequential, Axis::n, tile_outputs);
    for (int64_t k_block : sizes_.k_blocks) add(LoopKind::sequential, Axis::k, k_block);
    add(problem_.m == 1 || tiling.unrolls_rows ? LoopKind::unroll : LoopKind::sequential, Axis::k,
        sizes_.k_step);
    add_tile(1);
  }

  // Panels of outputs, unpacked once for up to `rows_a_panel` rows.
  void add_panels(const ir::TileShape& unit, int64_t rows_a_tile, int64_t panel_vectors) {
    const int64_t lanes = sizes_.tiling.lanes;
    const int64_t panel = std::min(sizes_.block, panel_vectors * lanes);
    const int64_t rows = ir::round_up(std::min(problem_.m, rows_a_tile), unit.rows);
    const int64_t rows_a_panel = ir::round_up(std::min(problem_.m, most_rows_a_panel), rows);
    add(LoopKind::parallel, Axis::n, sizes_.block);
    add(LoopKind::parallel, Axis::m, rows_a_panel);
    if (panel != sizes_.block) add(LoopKind::sequential, Axis::n, panel);
    add(LoopKind::sequential, Axis::m, rows);
    add(LoopKind::sequential, Axis::k, sizes_.k_step);
    add(LoopKind::unroll, Axis::k, unit.k);
    add_tile(unit.rows);
  }

 private:
  static constexpr int64_t most_rows_a_panel = 512;

  void add(LoopKind kind, Axis axis, int64_t step) { schedule_.loops.push_back({kind, axis, step}); }

  void add_tile(int64_t rows) {
    if (problem_.m > 1 || rows > 1) add(LoopKind::unroll, Axis::m, rows);
    add(LoopKind::unroll, Axis::n, sizes_.tiling.lanes);
    add(LoopKind::vector, Axis::n, sizes_.tiling.lanes);
  }

  ir::Schedule& schedule_;
  const Sizes& sizes_;
  const ir::Problem& problem_;
};

// --- Sizes by strategy.

// Inputs whose sums fit 16 bits: products of a code of two bits, at most 3, or of a trit's code, at most 2,
// with any i8; two of them in each of the i16 lanes for every four inputs.
int64_t widening_limit(const Recipe& recipe) {
  if (recipe.in_place > 1) return 64;
  const bool two_bits = row(recipe.packing).code_bits == 2 && recipe.unpack == Unpack::fields;
  return two_bits ? 128 : 252;
}

// The same of sums that were looked up: a high byte of -2..1 for triples of activations, -1..0 for pairs,
// with any low byte.
int64_t lookup_limit(const Recipe& recipe) {
  const int weights = row(recipe.packing).weights_per_code;
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
  if (recipe.strategy == Strategy::madd) return tiling;
  if (!has_quad_dot(target, tiling.lanes * 32)) tiling = widening_tiling(target);
  // The layout is the same for every strategy and way to unpack that can share it.
  if (row(recipe.packing).weights_per_code > 1 || row(recipe.packing).high_bits)
    tiling.block_vectors = std::min<int64_t>(tiling.block_vectors, many_registers ? 4 : 2);
  if (has_wide_codes(recipe)) tiling.row_tile = std::min<int64_t>(tiling.row_tile, many_registers ? 7 : 4);
  if (recipe.in_place > 1) {
    tiling.row_tile = std::max<int64_t>(tiling.row_tile / recipe.in_place, 1);
    if (!many_registers) tiling.one_row_vectors = 2;
  }
  if (recipe.strategy == Strategy::lookup && recipe.quads) {
    tiling.row_tile = many_registers ? 2 : 1;
    tiling.one_row_vectors = 2;  // two sums each, and the tables
  }
  if (recipe.strategy == Strategy::lookup && !recipe.quads)
    tiling = {std::max<int64_t>(target.vector_bits / 8, 16), many_registers ? 2 : 1, 2, 1};
  if (recipe.strategy == Strategy::addsub)
    tiling = {std::max<int64_t>(target.vector_bits / 16, 8), 4, many_registers ? 3 : 2, 2};
  return tiling;
}

void set_layout(ir::Kernel& kernel, const Sizes& sizes, int64_t k_block) {
  const int64_t lanes = sizes.tiling.lanes;
  // The leaf depends on the lanes alone.
  kernel.schedule.loops = {{LoopKind::vector, Axis::n, lanes}};
  kernel.weights.factors = blocked_factors(sizes.block, lanes, k_block, leaf_of(kernel));
  kernel.schedule.loops.clear();
}

int64_t leaf_inputs(const ir::Kernel& kernel) {
  return leaf_of(kernel).k;
}

void add_tiles(ir::Kernel& kernel, const Recipe& recipe, Sizes sizes, const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  switch (recipe.unit) {
    case TileUnit::quads: {
      const bool widens = !has_quad_dot(target, sizes.tiling.lanes * 32) && recipe.offset == 1;
      sizes.k_step = widens ? 128 : 64;
      if (widens) kernel.compute.widen_every_k = sizes.k_step;
      const Tiling tiling = widens ? widening_tiling(target) : quad_tiling(target);
      return Loops(kernel.schedule, sizes, kernel.problem)
          .add_panels({TileUnit::quads, 1, 4, 0, 0}, tiling.row_tile, tiling.row_vectors);
    }
    case TileUnit::pairs:
      sizes.k_step = 64;
      return Loops(kernel.schedule, sizes, kernel.problem)
          .add_panels({TileUnit::pairs, 2, 8, 0, 0}, many_registers ? 8 : 4, 2);
    case TileUnit::matrices:
      sizes.k_step = 128;
      return Loops(kernel.schedule, sizes, kernel.problem)
          .add_panels({TileUnit::matrices, 16, 64, 0, 0}, 32, 2);
  }
}

ir::Kernel ternary_kernel(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target) {
  Sizes sizes{tiling_of(recipe, target), 0, {}, 0};
  // Matrices have 16 outputs.
  if (recipe.unit == TileUnit::matrices) sizes.tiling.lanes = 16;
  const Tiling& tiling = sizes.tiling;
  ir::Kernel kernel{"", problem, {}, {}, {}, {}};
  kernel.weights.packing = recipe.packing;
  kernel.compute = {recipe.strategy, recipe.offset, 0, recipe.unpack, recipe.in_place, recipe.quads};
  sizes.block = tiling.lanes * block_vectors(problem.n, tiling.lanes, tiling.block_vectors);
  const int64_t leaf = leaf_inputs(kernel);
  const int64_t all_inputs = ir::round_up(problem.k, leaf);
  const bool quad = has_quad_dot(target, tiling.lanes * 32);
  const Recipe plain{recipe.packing, Strategy::dot, plain_unpack(recipe.packing)};
  int64_t k_block = std::min(all_inputs, multiple_below(quad ? 64 : widening_limit(plain), leaf));
  sizes.k_step = leaf;

  switch (recipe.strategy) {
    case Strategy::dot:
      sizes.k_blocks = {k_block};
      // Three digits in place are too large for 16 bits.
      if (!quad && recipe.offset == 1 && recipe.in_place < 3) {
        // A block of the layout may be wider than what the sums hold.
        int64_t widen = std::min(k_block, multiple_below(widening_limit(recipe), leaf));
        while (k_block % widen != 0) widen -= leaf;
        kernel.compute.widen_every_k = widen;
        if (widen != k_block) sizes.k_blocks.push_back(widen);
      }
      break;
    case Strategy::lookup:
      sizes.k_blocks = {k_block};
      if (!recipe.quads) {
        // A few steps laid out: more would crowd the registers.
        const int64_t laid_out = std::min(all_inputs, multiple_below(32, leaf));
        k_block = multiple_below(std::min(all_inputs, lookup_limit(recipe)), laid_out);
        kernel.compute.widen_every_k = k_block;
        sizes.k_blocks = {k_block};
        if (laid_out != k_block) sizes.k_blocks.push_back(laid_out);
      } else if (target.architecture == targets::Architecture::aarch64 && leaf != k_block) {
        // Tables of 64 bytes and more fill four registers each.
        sizes.k_blocks.push_back(leaf);
      }
      break;
    case Strategy::addsub:
      k_block = std::min<int64_t>(ir::round_up(problem.k, 8), 128);
      kernel.compute.widen_every_k = k_block;
      sizes.k_blocks = {k_block};
      if (k_block % 8 == 0 && k_block > 8) sizes.k_blocks.push_back(8);
      break;
    case Strategy::tile:
      set_layout(kernel, sizes, k_block);
      add_tiles(kernel, recipe, sizes, target);
      return kernel;
    case Strategy::madd: break;
  }
  set_layout(kernel, sizes, k_block);
  Loops(kernel.schedule, sizes, problem).add_plain();
  // Groups of several vectors are read in larger steps. (Distances compared on Zen 5 by kernels_bench.)
  const bool planes = row(recipe.packing).bytes_per_group > 1;
  kernel.schedule.prefetch_bytes = problem.m > 1 ? 0 : planes ? 8192 : 4096;
  return kernel;
}

ir::Kernel dense_kernel(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target) {
  Sizes sizes{tiling_of(recipe, target), 0, {}, 0};
  const Tiling& tiling = sizes.tiling;
  ir::Kernel kernel{"", problem, {}, {}, {}, {Strategy::madd, 0, 0}};
  kernel.weights.packing = recipe.packing;
  sizes.block = tiling.lanes * block_vectors(problem.n, tiling.lanes, tiling.block_vectors);
  const int64_t leaf = leaf_inputs(kernel);
  const bool grouped = problem.scaling == ir::Scaling::group;
  const int64_t k_block = grouped ? problem.scale_group : std::min<int64_t>(ir::round_up(problem.k, leaf), 8);
  sizes.k_blocks = {k_block};
  if (k_block > 8 && k_block % 8 == 0) sizes.k_blocks.push_back(8);
  sizes.k_step = leaf;
  set_layout(kernel, sizes, k_block);
  if (grouped) {
    kernel.scales = ir::Layout{ir::Packing::f32, {{Axis::n, 0, sizes.block}, {Axis::k, 0, 1}}, 64};
    append(kernel.scales->factors, Axis::n, sizes.block, tiling.lanes);
    kernel.scales->factors.push_back({Axis::n, tiling.lanes, 1});
  }
  Loops(kernel.schedule, sizes, problem).add_plain();
  kernel.schedule.prefetch_bytes = problem.m == 1 ? 4096 : 0;
  return kernel;
}

std::string_view name(TileUnit unit) {
  switch (unit) {
    case TileUnit::quads: return "quads";
    case TileUnit::pairs: return "pairs";
    case TileUnit::matrices: return "matrices";
  }
  return {};
}

}  // namespace

std::string print(const Recipe& recipe) {
  std::string text = fmt::format("{} {}", row(recipe.packing).name, ir::name(recipe.strategy));
  const bool unpacks = recipe.strategy == Strategy::dot || recipe.strategy == Strategy::tile;
  if (recipe.quads) text += " quads";
  if (recipe.strategy == Strategy::tile) text += fmt::format(" {}", name(recipe.unit));
  if (unpacks && recipe.unpack != Unpack::fields) text += fmt::format(" {}", ir::name(recipe.unpack));
  if (recipe.in_place != 1) text += fmt::format(" in place {}", recipe.in_place);
  if (unpacks && recipe.offset == 0) text += " signed";
  return text;
}

std::vector<Recipe> recipes(ir::Element weight) {
  std::vector<Recipe> all;
  for (const ir::PackingRow& packing : ir::packings) {
    if (!can_hold(packing.packing, weight)) continue;
    if (weight != ir::Element::trit && weight != ir::Element::sign) {
      all.push_back({packing.packing, Strategy::madd, Unpack::fields, 0});
      continue;
    }
    // Signs can be packed as trits too; only what is made for them is worth it.
    if (weight == ir::Element::sign && !packing.holds.signs) continue;
    add_dots(all, packing.packing);
    add_lookups(all, packing.packing);
    if (packing.packing == ir::Packing::planes)
      all.push_back({packing.packing, Strategy::addsub, Unpack::fields, 0});
  }
  return all;
}

ir::Kernel make_kernel(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target) {
  ir::Kernel kernel =
      problem.is_ternary() ? ternary_kernel(recipe, problem, target) : dense_kernel(recipe, problem, target);
  kernel.name = fmt::format("{}_m{}_n{}_k{}", ir::name(recipe.strategy), problem.m, problem.n, problem.k);
  return kernel;
}

}  // namespace tern::autotune

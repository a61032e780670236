#include "kernels/strategy_recipes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/row_buckets.h"

namespace tern::kernels {
namespace {

// In the order of the enumeration.
constexpr std::array<const StrategyRecipes*, ir::all_strategies.size()> table = {
    &dot_recipes, &lookup_recipes, &tile_recipes, &addsub_recipes, &madd_recipes};

}  // namespace

const StrategyRecipes& recipes_of(ir::Strategy strategy) {
  return *table[static_cast<size_t>(strategy)];
}

int64_t multiple_below(int64_t limit, int64_t unit) {
  return std::max<int64_t>(limit / unit, 1) * unit;
}

std::string print_unpack(const ir::Unpacking& unpacking) {
  return unpacking.unpack == ir::Unpack::fields ? "" : fmt::format(" {}", name(unpacking.unpack));
}

std::string print_sign(const ir::Unpacking& unpacking) {
  return unpacking.zero_point == 0 ? " signed" : "";
}

Tiling dot_tiling(ir::Packing packing, bool wide_codes, const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  Tiling tiling = dot4_tiling(target);
  if (!has_dot4(target, tiling.lanes * 32)) tiling = widening_tiling(target);
  // The layout is the same for every strategy and way to unpack that can share it.
  if (info(packing).weights_per_code > 1 || info(packing).high_bits)
    tiling.block_vectors = std::min<int64_t>(tiling.block_vectors, many_registers ? 4 : 2);
  if (wide_codes) {
    const bool x86 = target.architecture == targets::Architecture::x86_64;
    tiling.row_tile = std::min<int64_t>(tiling.row_tile, !many_registers ? 4 : x86 ? 8 : 7);
  }
  return tiling;
}

// Products of a code of two bits or of i2, at most 3, or of a trit's code, at most 2, with any i8; two of
// them in each of the i16 lanes for every four inputs.
int64_t widening_limit(ir::Packing packing, ir::Unpack unpack, int fields_per_shift, ir::Element weight) {
  if (fields_per_shift > 1) return 64;
  const bool two_bits = info(packing).code_bits == 2 && unpack == ir::Unpack::fields;
  return two_bits || weight == ir::Element::i2 ? 128 : 252;
}

void set_dot_inputs(Knobs& knobs, const Recipe& recipe, const ir::Problem& problem,
                    const targets::Target& target, const Tiling& tiling) {
  const int64_t limit =
      has_dot4(target, knobs.lanes * 32)
          ? 64
          : widening_limit(recipe.packing, plain_unpack(recipe.packing), 1, problem.w.element);
  knobs.block_inputs = multiple_below(limit, vector_inputs(recipe));
  const bool rolled = problem.m != 1 && !tiling.unrolls_rows;
  knobs.unrolled_inputs = rolled ? vector_inputs(recipe) : knobs.block_inputs;
}

void widen_tiles_of_few_rows(Knobs& knobs, const Tiling& tiling, int64_t registers_each, int64_t rows,
                             const targets::Target& target) {
  if (rows == 1 || !is_decode(rows)) return;
  int64_t vectors = tiling.row_vectors;
  while (2 * vectors <= tiling.block_vectors &&
         2 * vectors * knobs.tile_rows * registers_each <= target.vector_registers / 2)
    vectors *= 2;
  knobs.tile_vectors = vectors;
}

SumRegisters vector_sums(const Knobs& knobs, int64_t registers_each, const targets::Target& target) {
  const int64_t vectors = knobs.tile_vectors == 0 ? knobs.block_vectors : knobs.tile_vectors;
  // One register at least holds weights, one activations.
  return {knobs.tile_rows * vectors * registers_each + 2, target.vector_registers};
}

std::vector<int64_t> single_row_tiles(const Recipe&) {
  return {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14};
}

bool no_fixed_inputs(const Recipe&) {
  return false;
}

}  // namespace tern::kernels

#include <algorithm>

#include "ir/kernel/kernel_shape.h"
#include "kernels/strategy_recipes.h"

namespace tern::kernels {
namespace {

bool by_dot4(const Recipe& recipe) {
  return std::get<ir::LookupCompute>(recipe.compute).by_dot4;
}

void add(std::vector<Recipe>& all, ir::Packing packing, ir::Element) {
  for (const bool dot4 : {false, true}) {
    if (can_look_up(packing, dot4)) all.push_back({packing, ir::LookupCompute{dot4}});
  }
}

std::string print_knobs(const Recipe& recipe) {
  return by_dot4(recipe) ? " by dot4" : "";
}

// Inputs whose looked-up sums fit where they are added: the high parts, -2..1 for triples of activations and
// -1..0 for pairs, with any low byte in 16 bits; or, of half tables for codes of five, parts of up to 20 in 8
// bits.
int64_t lookup_limit(ir::Packing packing) {
  const int weights = info(packing).weights_per_code;
  if (info(packing).half_table) return weights * 6;
  return weights * (weights == 2 ? 127 : 63);
}

Tiling tiling(const Recipe& recipe, const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  if (by_dot4(recipe)) {
    Tiling tiling = dot_tiling(recipe.packing, info(recipe.packing).high_bits, target);
    tiling.row_tile = many_registers ? 2 : 1;
    tiling.one_row_vectors = 2;  // two sums each, and the tables
    return tiling;
  }
  const int64_t lanes = std::max<int64_t>(target.vector_bits / 8, 16);
  // Tables of 256 bytes for each code come from the second level of caches: as many outputs as there are
  // registers for share them.
  if (info(recipe.packing).half_table) return {lanes, many_registers ? 4 : 1, 1, many_registers ? 4 : 1};
  return {lanes, many_registers ? 2 : 1, 2, 1};
}

void set_knobs(Knobs& knobs, const Recipe& recipe, const ir::Problem& problem, const targets::Target& target,
               const Tiling& tiling) {
  const int64_t inputs = vector_inputs(recipe);
  if (!by_dot4(recipe)) {
    // A few steps laid out: more would crowd the registers.
    knobs.unrolled_inputs = multiple_below(32, inputs);
    knobs.block_inputs = multiple_below(lookup_limit(recipe.packing), knobs.unrolled_inputs);
    knobs.widen_every = knobs.block_inputs;
    return;
  }
  set_dot_inputs(knobs, recipe, problem, target, tiling);
  // Tables of 64 bytes and more fill four registers each.
  if (target.architecture == targets::Architecture::aarch64) knobs.unrolled_inputs = inputs;
}

SumRegisters sum_registers(const Recipe&, const Knobs& knobs, const targets::Target& target) {
  return vector_sums(knobs, knobs.widen_every > 0 ? 2 : 1, target);
}

bool has_fixed_inputs(const Recipe& recipe) {
  return !by_dot4(recipe);
}

}  // namespace

constinit const StrategyRecipes lookup_recipes = {.add = add,
                                                  .print_knobs = print_knobs,
                                                  .tiling = tiling,
                                                  .set_knobs = set_knobs,
                                                  .sum_registers = sum_registers,
                                                  .row_tiles = single_row_tiles,
                                                  .has_fixed_inputs = has_fixed_inputs,
                                                  .tries_half_vectors = false};

}  // namespace tern::kernels

#include <algorithm>

#include "kernels/strategy_recipes.h"

namespace tern::kernels {
namespace {

void add(std::vector<Recipe>& all, ir::Packing packing, ir::Element) {
  if (info(packing).holds.dense) all.push_back({packing, ir::MaddCompute{}});
}

std::string print_knobs(const Recipe&) {
  return {};
}

Tiling tiling(const Recipe&, const targets::Target& target) {
  // Blocks of eight vectors are read a tenth slower. (f16 from memory, on Zen 5.)
  Tiling tiling = dot4_tiling(target);
  tiling.block_vectors = std::min<int64_t>(tiling.block_vectors, 4);
  return tiling;
}

void set_knobs(Knobs& knobs, const Recipe&, const ir::Problem& problem, const targets::Target& target,
               const Tiling& tiling) {
  knobs.block_inputs = problem.w.scaling == ir::Scaling::group ? problem.w.group : 8;
  knobs.unrolled_inputs = 8;
  widen_tiles_of_few_rows(knobs, tiling, 1, problem.m, target);
}

SumRegisters sum_registers(const Recipe&, const Knobs& knobs, const targets::Target& target) {
  return vector_sums(knobs, 1, target);
}

}  // namespace

constinit const StrategyRecipes madd_recipes = {.add = add,
                                                .print_knobs = print_knobs,
                                                .tiling = tiling,
                                                .set_knobs = set_knobs,
                                                .sum_registers = sum_registers,
                                                .row_tiles = single_row_tiles,
                                                .has_fixed_inputs = no_fixed_inputs,
                                                .tries_half_vectors = true};

}  // namespace tern::kernels

#include <algorithm>

#include "kernels/strategy_recipes.h"

namespace tern::kernels {
namespace {

void add(std::vector<Recipe>& all, ir::Packing packing, ir::Element) {
  if (packing == ir::Packing::planes) all.push_back({packing, ir::AddsubCompute{}});
}

std::string print_knobs(const Recipe&) {
  return {};
}

Tiling tiling(const Recipe&, const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  return {std::max<int64_t>(target.vector_bits / 16, 8), 4, many_registers ? 3 : 2, 2};
}

void set_knobs(Knobs& knobs, const Recipe&, const ir::Problem&, const targets::Target&, const Tiling&) {
  knobs.block_inputs = knobs.widen_every = 128;
  knobs.unrolled_inputs = 8;
}

SumRegisters sum_registers(const Recipe&, const Knobs& knobs, const targets::Target& target) {
  return vector_sums(knobs, knobs.widen_every > 0 ? 2 : 1, target);
}

}  // namespace

constinit const StrategyRecipes addsub_recipes = {.add = add,
                                                  .print_knobs = print_knobs,
                                                  .tiling = tiling,
                                                  .set_knobs = set_knobs,
                                                  .sum_registers = sum_registers,
                                                  .row_tiles = single_row_tiles,
                                                  .has_fixed_inputs = no_fixed_inputs,
                                                  .tries_half_vectors = false};

}  // namespace tern::kernels

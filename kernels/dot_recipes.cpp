#include <fmt/format.h>

#include <algorithm>

#include "kernels/strategy_recipes.h"

namespace tern::kernels {
namespace {

const ir::DotCompute& dot_of(const Recipe& recipe) {
  return std::get<ir::DotCompute>(recipe.compute);
}

void add(std::vector<Recipe>& all, ir::Packing packing, ir::Element weight) {
  const int zero_point = ir::code_zero_point(weight);
  for_each_unpack(packing, [&](ir::Unpack unpack) {
    all.push_back({packing, ir::DotCompute{{zero_point, unpack}}});
    if (packing == ir::Packing::b2 && unpack == ir::Unpack::fields) {
      for (const int fields : {2, 3, 4})
        all.push_back({packing, ir::DotCompute{{zero_point, unpack}, 0, fields}});
    }
    all.push_back({packing, ir::DotCompute{{0, unpack}}});
  });
}

std::string print_knobs(const Recipe& recipe) {
  const ir::DotCompute& dot = dot_of(recipe);
  std::string text = print_unpack(dot.unpacking);
  if (dot.fields_per_shift != 1) text += fmt::format(" fields per shift {}", dot.fields_per_shift);
  return text + print_sign(dot.unpacking);
}

Tiling tiling(const Recipe& recipe, const targets::Target& target) {
  const ir::DotCompute& dot = dot_of(recipe);
  const bool wide_codes = info(recipe.packing).high_bits || dot.unpacking.unpack != ir::Unpack::fields;
  Tiling tiling = dot_tiling(recipe.packing, wide_codes, target);
  if (dot.fields_per_shift == 1) return tiling;
  tiling.row_tile = std::max<int64_t>(tiling.row_tile / dot.fields_per_shift, 1);
  if (target.vector_registers < 32) tiling.one_row_vectors = 2;
  return tiling;
}

int64_t registers_each(const Recipe& recipe, const Knobs& knobs) {
  return dot_of(recipe).fields_per_shift * (knobs.widen_every > 0 ? 2 : 1);
}

void set_knobs(Knobs& knobs, const Recipe& recipe, const ir::Problem& problem, const targets::Target& target,
               const Tiling& tiling) {
  const ir::DotCompute& dot = dot_of(recipe);
  set_dot_inputs(knobs, recipe, problem, target, tiling);
  // Sums of three fields, the highest of them times 16, are too large for 16 bits, and so are products of i4
  // and i8.
  if (!has_dot4(target, knobs.lanes * 32) && dot.unpacking.zero_point == 1 && dot.fields_per_shift < 3) {
    // A block may be wider than what the sums hold.
    const int64_t limit =
        widening_limit(recipe.packing, dot.unpacking.unpack, dot.fields_per_shift, problem.w.element);
    knobs.widen_every = std::min(knobs.block_inputs, multiple_below(limit, vector_inputs(recipe)));
    if (problem.m == 1 || tiling.unrolls_rows) knobs.unrolled_inputs = knobs.widen_every;
  }
  widen_tiles_of_few_rows(knobs, tiling, registers_each(recipe, knobs), problem.m, target);
}

SumRegisters sum_registers(const Recipe& recipe, const Knobs& knobs, const targets::Target& target) {
  return vector_sums(knobs, registers_each(recipe, knobs), target);
}

}  // namespace

constinit const StrategyRecipes dot_recipes = {.add = add,
                                               .print_knobs = print_knobs,
                                               .tiling = tiling,
                                               .set_knobs = set_knobs,
                                               .sum_registers = sum_registers,
                                               .row_tiles = single_row_tiles,
                                               .has_fixed_inputs = no_fixed_inputs,
                                               .tries_half_vectors = true};

}  // namespace tern::kernels

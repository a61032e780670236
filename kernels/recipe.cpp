#include "kernels/recipe.h"

#include <fmt/format.h>

#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/strategies/strategy_info.h"
#include "kernels/strategy_recipes.h"

namespace tern::kernels {

std::string print(const Recipe& recipe) {
  return fmt::format("{} {}{}", info(recipe.packing).name, ir::name(recipe.strategy()),
                     recipes_of(recipe.strategy()).print_knobs(recipe));
}

namespace {

// The recipes for weights of an element, with exact sums or with f32 ones.
std::vector<Recipe> recipes(ir::Element weight, bool quantized) {
  std::vector<Recipe> all;
  for (const ir::PackingInfo& packing : ir::packings) {
    if (!can_hold(packing.packing, weight)) continue;
    // Signs can be packed as trits too; only what is made for them is worth it.
    if (weight == ir::Element::sign && !packing.holds.signs) continue;
    for (const ir::Strategy strategy : ir::all_strategies) {
      if (info(strategy).multiplies_quantized == quantized)
        recipes_of(strategy).add(all, packing.packing, weight);
    }
  }
  return all;
}

}  // namespace

std::vector<Recipe> recipes(ir::Element weight) {
  return recipes(weight, ir::matmul(1, 1, 1, ir::weights_of(weight)).is_quantized());
}

std::vector<Recipe> recipes(const ir::Problem& problem) {
  std::vector<Recipe> all = recipes(problem.w.element, problem.is_quantized());
  if (!problem.is_quantized() || !problem.is_grouped()) return all;
  const bool needs_vectors = !fits_tile_registers(problem);
  std::erase_if(all, [&](const Recipe& recipe) {
    return problem.sum_group() % step_inputs(recipe) != 0 || (needs_vectors && has_tile_registers(recipe));
  });
  return all;
}

}  // namespace tern::kernels

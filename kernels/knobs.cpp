#include "kernels/knobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "kernels/row_buckets.h"
#include "kernels/strategy_recipes.h"

namespace tern::kernels {
namespace {

// As far ahead as is best for most kernels: weights of a byte or more are read in less time each. Many rows
// hardly wait for weights, if the CPU's own prefetchers see them coming: whether they do depends on the
// addresses of the code. (Compared by kernels_bench on Zen 5, where one in six copies of the same code took
// 20 % longer for 64 rows without; by `tern bench --shape` on Sapphire Rapids for one row.)
int64_t prefetch_distance(const Recipe& recipe, const ir::Problem& problem) {
  const ir::PackingInfo& packing = info(recipe.packing);
  const bool planes = problem.is_quantized() && packing.bytes_per_group > 1;
  if (planes || problem.m > 1) return 8192;
  return packing.bytes_per_group >= packing.weights_per_group ? 6144 : 4096;
}

// Tiles of equal height: 9 rows are 5 and 4, not 8 and 1, which would cost twice 8.
int64_t balanced_rows(int64_t rows, int64_t max) {
  return ir::ceil_divide(rows, ir::ceil_divide(rows, max));
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
  const StrategyRecipes& strategy = recipes_of(recipe.strategy());
  const Tiling tiling = strategy.tiling(recipe, target);
  Knobs knobs;
  knobs.lanes = tiling.lanes;
  knobs.block_vectors = tiling.block_vectors;
  knobs.tile_rows = balanced_rows(problem.m, tiling.row_tile);
  knobs.tile_vectors = problem.m == 1 ? tiling.one_row_vectors : tiling.row_vectors;
  knobs.prefetch_bytes = prefetch_distance(recipe, problem);
  strategy.set_knobs(knobs, recipe, problem, target, tiling);
  // Sums that wait in 16 bits leave no register to what many rows hardly need.
  if (!is_decode(problem.m) && knobs.widen_every > 0) knobs.prefetch_bytes = 0;
  return knobs;
}

ir::Kernel make_kernel(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target) {
  return make_kernel(recipe, default_knobs(recipe, problem, target), problem);
}

}  // namespace tern::kernels

#include <fmt/format.h>

#include "kernels/strategy_recipes.h"

namespace tern::kernels {
namespace {

using ir::TileInstruction;

constexpr int64_t max_panel_rows = 512;

const ir::TileCompute& tile_of(const Recipe& recipe) {
  return std::get<ir::TileCompute>(recipe.compute);
}

// Panels are laid out for mma_2x8x2 by two weights of a group at a time.
bool can_lay_out(ir::Packing packing, TileInstruction instruction) {
  return instruction != TileInstruction::mma_2x8x2 || info(packing).weights_per_group % 2 == 0;
}

void add(std::vector<Recipe>& all, ir::Packing packing, ir::Element weight) {
  for_each_unpack(packing, [&](ir::Unpack unpack) {
    for (const ir::TileInstructionInfo& one : ir::tile_instructions) {
      if (can_lay_out(packing, one.instruction))
        all.push_back(tile_recipe(packing, one.instruction, weight, unpack));
    }
  });
}

std::string print_knobs(const Recipe& recipe) {
  const ir::TileCompute& tile = tile_of(recipe);
  return fmt::format(" {}{}{}", info(tile.instruction).name, print_unpack(tile.unpacking),
                     print_sign(tile.unpacking));
}

Tiling tiling(const Recipe& recipe, const targets::Target& target) {
  const ir::TileCompute& tile = tile_of(recipe);
  const bool wide_codes = info(recipe.packing).high_bits || tile.unpacking.unpack != ir::Unpack::fields;
  Tiling tiling = dot_tiling(recipe.packing, wide_codes, target);
  if (info(tile.instruction).tile_registers != 0) tiling.lanes = info(tile.instruction).outputs;
  return tiling;
}

void set_knobs(Knobs& knobs, const Recipe& recipe, const ir::Problem& problem, const targets::Target& target,
               const Tiling& tiling) {
  set_dot_inputs(knobs, recipe, problem, target, tiling);
  const bool many_registers = target.vector_registers >= 32;
  knobs.panel_rows = max_panel_rows;
  switch (tile_of(recipe).instruction) {
    case TileInstruction::dot4: {
      const bool widens = !has_dot4(target, knobs.lanes * 32) && tile_of(recipe).unpacking.zero_point == 1;
      knobs.unrolled_inputs = widens ? 128 : 64;
      knobs.widen_every = widens ? knobs.unrolled_inputs : 0;
      const Tiling products = widens ? widening_tiling(target) : dot4_tiling(target);
      knobs.tile_rows = products.row_tile;
      knobs.tile_vectors = products.row_vectors;
      return;
    }
    case TileInstruction::mma_2x8x2:
      knobs.unrolled_inputs = 64;
      knobs.tile_rows = many_registers ? 8 : 4;
      knobs.tile_vectors = 2;
      return;
    case TileInstruction::mma_16x64x16:
    case TileInstruction::mma_16x32x16:
      knobs.unrolled_inputs = 128;
      knobs.tile_rows = 32;
      knobs.tile_vectors = 2;
      return;
  }
}

SumRegisters sum_registers(const Recipe& recipe, const Knobs& knobs, const targets::Target& target) {
  const ir::TileInstructionInfo& instruction = info(tile_of(recipe).instruction);
  if (instruction.tile_registers == 0) return vector_sums(knobs, 1, target);
  const int64_t vectors = knobs.tile_vectors == 0 ? knobs.block_vectors : knobs.tile_vectors;
  // One register holds activations and one weights.
  return {knobs.tile_rows / instruction.rows * vectors, instruction.tile_registers - 2};
}

std::vector<int64_t> row_tiles(const Recipe& recipe) {
  switch (tile_of(recipe).instruction) {
    case TileInstruction::dot4: return single_row_tiles(recipe);
    case TileInstruction::mma_2x8x2: return {2, 4, 6, 8, 10, 12};
    case TileInstruction::mma_16x64x16:
    case TileInstruction::mma_16x32x16: return {16, 32, 48};
  }
  return {};
}

}  // namespace

Recipe tile_recipe(ir::Packing packing, TileInstruction instruction, ir::Element weight, ir::Unpack unpack) {
  // Instructions that multiply matrices take signed bytes, which codes of i8 are not. Where sums end every 32
  // inputs, correcting each for codes would cost more than multiplying.
  const bool is_signed = instruction == TileInstruction::mma_16x32x16 ||
                         (weight == ir::Element::i8 && instruction != TileInstruction::dot4);
  return {packing, ir::TileCompute{instruction, {is_signed ? 0 : ir::code_zero_point(weight), unpack}}};
}

bool has_tile_registers(const Recipe& recipe) {
  const auto* tile = std::get_if<ir::TileCompute>(&recipe.compute);
  return tile && has_tile_registers(tile->instruction);
}

constinit const StrategyRecipes tile_recipes = {.add = add,
                                                .print_knobs = print_knobs,
                                                .tiling = tiling,
                                                .set_knobs = set_knobs,
                                                .sum_registers = sum_registers,
                                                .row_tiles = row_tiles,
                                                .has_fixed_inputs = no_fixed_inputs,
                                                .tries_half_vectors = false};

}  // namespace tern::kernels

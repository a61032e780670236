// What the kernels floor knows of a strategy: one row each, in the file NAME_recipes.cpp.
#pragma once

#include <string>
#include <vector>

#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/tiling.h"

namespace tern::kernels {

// Registers of sums that a tile keeps, in the unit of which the CPU has `available`.
struct SumRegisters {
  int64_t needed, available;
};

struct StrategyRecipes {
  // Appends the strategy's recipes for a packing that holds weights of the element.
  void (*add)(std::vector<Recipe>& all, ir::Packing packing, ir::Element weight);
  // What a recipe's text says after the name of the strategy, each word after a space.
  std::string (*print_knobs)(const Recipe& recipe);

  Tiling (*tiling)(const Recipe& recipe, const targets::Target& target);
  // Sets the knobs that do not follow from the tiling alone: inputs, panels, vectors of a few rows. The
  // others have their default values.
  void (*set_knobs)(Knobs& knobs, const Recipe& recipe, const ir::Problem& problem,
                    const targets::Target& target, const Tiling& tiling);

  SumRegisters (*sum_registers)(const Recipe& recipe, const Knobs& knobs, const targets::Target& target);
  // Heights of tiles that the tuner tries, ascending.
  std::vector<int64_t> (*row_tiles)(const Recipe& recipe);
  // Whether the inputs of a block follow from the packing, so that the tuner does not try others.
  bool (*has_fixed_inputs)(const Recipe& recipe);
  bool tries_half_vectors;  // some x86 CPUs run the widest vectors at a lower clock, or in two halves
};

const StrategyRecipes& recipes_of(ir::Strategy strategy);

// The strategies' rows.
extern const StrategyRecipes dot_recipes, lookup_recipes, tile_recipes, addsub_recipes, madd_recipes;

// --- What several strategies share.

// The largest multiple of `unit` that is at most `limit`, and at least `unit`.
int64_t multiple_below(int64_t limit, int64_t unit);

// Calls back for every way to unpack that a packing has.
template <class Visit>
void for_each_unpack(ir::Packing packing, Visit visit) {
  for (const ir::Unpack unpack : {ir::Unpack::fields, ir::Unpack::table, ir::Unpack::multiply}) {
    if (can_unpack(packing, unpack)) visit(unpack);
  }
}

// " table", " multiply" or nothing for fields; and " signed" for a zero point of 0.
std::string print_unpack(const ir::Unpacking& unpacking);
std::string print_sign(const ir::Unpacking& unpacking);

// The tiling of strategies dot, tile and lookup by dot4, which share layouts. `wide_codes`: codes of several
// weights, or in several bytes, which keep more registers busy.
Tiling dot_tiling(ir::Packing packing, bool wide_codes, const targets::Target& target);
// Sets the inputs of these strategies: of a block, which is the same for all of them, and unrolled.
void set_dot_inputs(Knobs& knobs, const Recipe& recipe, const ir::Problem& problem,
                    const targets::Target& target, const Tiling& tiling);
// Inputs whose sums fit 16 bits.
int64_t widening_limit(ir::Packing packing, ir::Unpack unpack, int fields_per_shift, ir::Element weight);

// With few rows but more than one, gives the registers that rows leave free to the sums of more vectors, so
// that weights are read in the order in which they lie. Half of the registers hold sums, each of which takes
// `registers_each`.
void widen_tiles_of_few_rows(Knobs& knobs, const Tiling& tiling, int64_t registers_each, int64_t rows,
                             const targets::Target& target);

// Sums in vector registers, `registers_each` for each vector of a row's outputs.
SumRegisters vector_sums(const Knobs& knobs, int64_t registers_each, const targets::Target& target);

// Strategy tile with an instruction, and the bytes that it takes.
Recipe tile_recipe(ir::Packing packing, ir::TileInstruction instruction, ir::Element weight,
                   ir::Unpack unpack);
// Whether the recipe is one of strategy tile in tile registers.
bool has_tile_registers(const Recipe& recipe);

// Any height of a tile of single rows.
std::vector<int64_t> single_row_tiles(const Recipe& recipe);
bool no_fixed_inputs(const Recipe& recipe);

}  // namespace tern::kernels

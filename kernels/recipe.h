// Recipes: the ways in which a kind of weights can be packed and multiplied. What is legal where, the tuner,
// tests and benchmarks follow the list. Sizes are knobs (kernels/knobs.h).
#pragma once

#include <string>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/kernel/kernel_shape.h"

namespace tern::kernels {

// A kernel without its sizes.
struct Recipe {
  ir::Packing packing = ir::Packing::b2;
  ir::Strategy strategy = ir::Strategy::dot;
  ir::Unpack unpack = ir::Unpack::fields;
  int offset = 1;
  int in_place = 1;
  bool quads = false;
  ir::TileUnit unit = ir::TileUnit::quads;  // of strategy tile
  bool operator==(const Recipe&) const = default;
};

std::string print(const Recipe& recipe);  // "g3b5 dot table", "b2 tile matrices"

// Every recipe for weights of that element, whatever the CPU.
std::vector<Recipe> recipes(ir::Element weight);
// Those for a problem: with groups of inputs, only those whose steps of inputs make up whole groups.
std::vector<Recipe> recipes(const ir::Problem& problem);

// Inputs that are multiplied in one step: of strategy tile by one instruction, else those of leaf_inputs,
// which are the same for any vector.
int64_t step_inputs(const Recipe& recipe);

// Inputs of the innermost tile: what one vector of packed weights of so many outputs holds.
int64_t leaf_inputs(const Recipe& recipe, int64_t lanes);

}  // namespace tern::kernels

// Recipes: the ways in which a kind of weights can be packed and multiplied, and a kernel for each that is
// good without tuning. What is legal where, the tuner's starting points, tests and benchmarks follow the
// list.
#pragma once

#include <string>
#include <vector>

#include "ir/kernel.h"
#include "ir/kernel_shape.h"
#include "targets/target.h"

namespace tern::autotune {

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

// The recipe's kernel for a problem, with tiles from the target's registers. It is right, but may not be
// legal on the target: see targets/legal.h. Kernels of one recipe have one layout, whatever m is, and so have
// those of strategies dot, tile and lookup of quads with the same packing.
ir::Kernel make_kernel(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target);

}  // namespace tern::autotune

// Recipes: the ways in which a kind of weights can be packed and multiplied. What is legal where, the tuner,
// tests and benchmarks follow the list. Sizes are knobs (kernels/knobs.h).
#pragma once

#include <string>
#include <vector>

#include "ir/kernel/kernel.h"

namespace tern::kernels {

// A kernel without its sizes.
struct Recipe {
  ir::Packing packing = ir::Packing::b2;
  ir::Compute compute;  // but for widen_every_k, which is a size and 0 here
  ir::Strategy strategy() const { return strategy_of(compute); }
  bool operator==(const Recipe&) const = default;
};

std::string print(const Recipe& recipe);  // "g3b5 dot table", "b2 tile mma_16x64x16"

// Every recipe for weights of that element, whatever the CPU.
std::vector<Recipe> recipes(ir::Element weight);
// The recipes for a problem: with groups of inputs, the recipes whose step_inputs divide a group.
std::vector<Recipe> recipes(const ir::Problem& problem);

// Inputs of one vector of packed weights, whatever its lanes.
int64_t vector_inputs(const Recipe& recipe);
// Inputs that are multiplied in one step: of strategy tile by one instruction, else those of a vector.
int64_t step_inputs(const Recipe& recipe);

}  // namespace tern::kernels

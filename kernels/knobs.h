// Knobs: the sizes that a recipe leaves open. The tuner turns them; without tuning they follow from the
// target's registers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ir/kernel/kernel.h"
#include "kernels/recipe.h"
#include "targets/target.h"

namespace tern::kernels {

// Outputs and inputs are the weights' (n and k), rows are the activations' (m). A size that is too large
// for a problem is made smaller by make_kernel.
struct Knobs {
  // Of the layout: kernels share packed weights only where these are equal.
  int64_t lanes = 16;         // outputs a vector
  int64_t block_vectors = 1;  // vectors of outputs that lie together
  // Inputs that an outer loop takes at once. It is of the layout, too, where the inputs are padded to it.
  int64_t block_inputs = 64;

  // The tile of sums.
  int64_t tile_rows = 1;
  int64_t tile_vectors = 0;  // vectors of outputs; 0: all that lie together

  // The loops.
  int64_t widen_every = 0;       // inputs whose sums stay in 16 bits; 0: none do
  int64_t unrolled_inputs = 16;  // inputs that are laid out in the innermost loop
  int64_t panel_rows = 0;        // strategy tile: rows that share a panel of unpacked weights
  bool rows_outside = false;     // the loop over rows is outside that over outputs
  int64_t prefetch_bytes = 0;

  bool operator==(const Knobs&) const = default;
};

std::string print(const Knobs& knobs);  // "lanes 16, block 8 x 64, tile 1 x all, unroll 64, prefetch 4096"
std::optional<Knobs> parse_knobs(std::string_view text);  // of what print() gives; nothing of anything else

// What the target's registers suggest. Of the problem only its kind matters, the number of rows,
// and the inputs of a scale.
Knobs default_knobs(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target);

// The recipe's kernel for a problem. It may be one that ir::verify or a target refuses.
ir::Kernel make_kernel(const Recipe& recipe, const Knobs& knobs, const ir::Problem& problem);

// The same with the default knobs. It is right, but may not be legal on the target: see targets/legal.h.
// Kernels of one recipe have one layout, whatever m is. The recipes of strategies dot, tile and lookup by
// dot4 with the same packing share it.
ir::Kernel make_kernel(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target);

}  // namespace tern::kernels

// What follows from a kernel's fields: the sizes of its loops and of its innermost tile.
#pragma once

#include <vector>

#include "ir/kernel.h"

namespace tern::ir {

// A loop of a schedule with its numbers worked out.
struct LoopExtent {
  LoopKind kind;
  Axis axis;
  int64_t step;
  int64_t trips;
  int64_t covers;  // trips * step: how far the loop reaches within its enclosing tile
};
std::vector<LoopExtent> loop_extents(const Kernel& kernel);

// The innermost tile: what one vector of packed weights holds.
struct Leaf {
  int lanes;                    // outputs, the lanes of an accumulator
  int64_t k;                    // inputs
  int vectors;                  // vectors of unpacked weights that come from one packed vector
  std::vector<Factor> factors;  // what the layout must end in
};
Leaf leaf_of(const Kernel& kernel);

}  // namespace tern::ir

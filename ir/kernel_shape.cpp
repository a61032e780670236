#include "ir/kernel_shape.h"

#include <algorithm>

namespace tern::ir {

std::vector<LoopExtent> loop_extents(const Kernel& kernel) {
  int64_t tile[3] = {kernel.problem.m, kernel.problem.n, kernel.problem.k};
  std::vector<LoopExtent> extents;
  for (const ScheduledLoop& loop : kernel.schedule.loops) {
    int64_t& size = tile[static_cast<int>(loop.axis)];
    // The lanes of a vector are one iteration, whatever they cover.
    const int64_t trips = loop.kind == LoopKind::vector ? 1 : ceil_divide(size, loop.step);
    extents.push_back({loop.kind, loop.axis, loop.step, trips, trips * loop.step});
    size = loop.step;
  }
  return extents;
}

Leaf leaf_of(const Kernel& kernel) {
  const int64_t lanes = kernel.schedule.loops.empty() ? 1 : kernel.schedule.loops.back().step;
  Leaf leaf{static_cast<int>(std::min<int64_t>(lanes, 1 << 20)), 1, 1, {{Axis::n, lanes, 1}}};
  if (!kernel.problem.is_ternary()) return leaf;
  // Four inputs of one output lie in four neighbouring bytes, the lanes of a dot4; a packing of several
  // weights a byte holds the next four inputs in the next bits.
  leaf.vectors = row(kernel.weights.packing).weights_per_group;
  leaf.k = 4 * leaf.vectors;
  leaf.factors.push_back({Axis::k, 4, 1});
  if (leaf.vectors > 1) leaf.factors.push_back({Axis::k, leaf.k, 4});
  return leaf;
}

}  // namespace tern::ir

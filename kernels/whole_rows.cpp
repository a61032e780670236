#include "kernels/whole_rows.h"

#include <algorithm>

namespace tern::kernels {

ir::Kernel with_quantized_rows(ir::Kernel kernel) {
  using ir::LoopKind;
  std::vector<ir::ScheduledLoop>& loops = kernel.schedule.loops;
  const auto is_parallel = [](const ir::ScheduledLoop& loop) { return loop.kind == LoopKind::parallel; };
  // A loop over n that calls share out becomes one inside those over m.
  const auto shared_out = std::ranges::find_if(
      loops, [&](const ir::ScheduledLoop& loop) { return is_parallel(loop) && loop.axis == ir::Axis::n; });
  if (shared_out != loops.end()) {
    shared_out->kind = LoopKind::sequential;
    std::rotate(shared_out, shared_out + 1,
                std::ranges::find_if_not(shared_out + 1, loops.end(), is_parallel));
  }
  // One row is shared out as a whole, so that a kernel called by many threads computes it once.
  if (std::ranges::find(loops, ir::Axis::m, &ir::ScheduledLoop::axis) == loops.end())
    loops.insert(loops.begin(), {LoopKind::parallel, ir::Axis::m, 1});
  kernel.quantizes_rows = true;
  return kernel;
}

}  // namespace tern::kernels

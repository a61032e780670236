#include "kernels/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ir/kernel/strategies/strategy_info.h"

namespace tern::kernels {
namespace {

using ir::Axis;
using ir::LoopKind;
using ir::ScheduledLoop;

bool over_rows(const ScheduledLoop& loop) {
  return loop.axis == Axis::m;
}

// A step becomes at most what m takes, in whole steps of the loop inside it. The innermost step, the rows of
// one unit of the strategy, stays; the next is the height of a tile, and tiles become equally high.
void shrink(std::vector<ScheduledLoop>& loops, int64_t m) {
  int64_t inner = 0;
  bool is_tile = true;
  for (auto loop = loops.rbegin(); loop != loops.rend(); ++loop) {
    if (!over_rows(*loop)) continue;
    if (inner != 0) {
      loop->step = std::min(loop->step, ir::round_up(m, inner));
      if (std::exchange(is_tile, false))
        loop->step = ir::round_up(ir::ceil_divide(m, ir::ceil_divide(m, loop->step)), inner);
    }
    inner = loop->step;
  }
}

// One row needs no loops, but for those around a panel.
void drop_loops(ir::Kernel& kernel) {
  const bool has_panel = info(kernel.strategy()).walks_panel;
  std::erase_if(kernel.schedule.loops, [&](const ScheduledLoop& loop) {
    return over_rows(loop) && (!has_panel || (loop.kind == LoopKind::unroll && loop.step == 1));
  });
}

// Without a parallel loop over m, the others would have to grow: they stay inside of one.
void add_parallel_loop(std::vector<ScheduledLoop>& loops, int64_t old_m) {
  const auto outermost = std::ranges::find_if(loops, over_rows);
  int64_t step = 1;
  if (outermost == loops.end()) {  // one row: inside the loops over k, where tiles of sums are
    const auto over_inputs = [](const ScheduledLoop& loop) { return loop.axis == Axis::k; };
    loops.insert(std::find_if(loops.rbegin(), loops.rend(), over_inputs).base(),
                 {LoopKind::unroll, Axis::m, 1});
  } else if (outermost->kind == LoopKind::parallel) {
    return;
  } else {
    step = ir::round_up(old_m, outermost->step);
  }
  const auto is_inner = [](const ScheduledLoop& loop) { return loop.kind != LoopKind::parallel; };
  loops.insert(std::ranges::find_if(loops, is_inner), {LoopKind::parallel, Axis::m, step});
}

}  // namespace

ir::Kernel resized(ir::Kernel kernel, int64_t m) {
  const int64_t old_m = kernel.problem.m;
  if (m == old_m) return kernel;
  kernel.problem.m = m;
  kernel.name =
      fmt::format("{}_m{}_n{}_k{}", ir::name(kernel.strategy()), m, kernel.problem.n, kernel.problem.k);
  std::vector<ScheduledLoop>& loops = kernel.schedule.loops;
  if (m > old_m)
    add_parallel_loop(loops, old_m);
  else
    shrink(loops, m);
  if (m == 1) drop_loops(kernel);
  return kernel;
}

}  // namespace tern::kernels

#include "codegen/lower/lower.h"

#include "codegen/lower/strategies.h"
#include "ir/kernel/kernel_shape.h"

namespace tern::codegen {
ir::Program lower(const ir::Kernel& kernel, const PassObserver& observe) {
  const auto show = [&](std::string_view pass, const ir::Program& program) {
    if (observe) observe(pass, program);
  };
  ir::Program program = lowering(kernel.strategy()).lower(kernel);
  renumber_variables(program);
  show("lower strategy", program);

  unroll_loops(program);
  show("unroll loops", program);

  insert_prefetches(program, kernel.schedule.prefetch_bytes);
  show("insert prefetches", program);
  return program;
}

std::vector<ir::Program> preparations(const ir::Kernel& kernel) {
  return lowering(kernel.strategy()).preparations(kernel);
}

int64_t padded_rows(const ir::Kernel& kernel) {
  for (const ir::LoopExtent& extent : loop_extents(kernel)) {
    if (extent.axis == ir::Axis::m) return extent.covers;
  }
  return kernel.problem.m;
}

}  // namespace tern::codegen

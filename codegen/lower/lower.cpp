#include "codegen/lower/lower.h"

#include "ir/kernel/kernel_shape.h"

namespace tern::codegen {
namespace {

ir::Program lower_strategy(const ir::Kernel& kernel) {
  switch (kernel.compute.strategy) {
    case ir::Strategy::dot: return lower_dot(kernel);
    case ir::Strategy::lookup: return lower_lookup(kernel);
    case ir::Strategy::tile: return lower_tile(kernel);
    case ir::Strategy::addsub: return lower_addsub(kernel);
    case ir::Strategy::madd: return lower_madd(kernel);
  }
  return {};
}

}  // namespace

ir::Program lower(const ir::Kernel& kernel, const PassObserver& observe) {
  const auto show = [&](std::string_view pass, const ir::Program& program) {
    if (observe) observe(pass, program);
  };
  ir::Program program = lower_strategy(kernel);
  renumber_variables(program);
  show("lower strategy", program);

  unroll_loops(program);
  show("unroll loops", program);

  insert_prefetches(program, kernel.schedule.prefetch_bytes);
  show("insert prefetches", program);
  return program;
}

std::vector<ir::Program> preparations(const ir::Kernel& kernel) {
  switch (kernel.compute.strategy) {
    case ir::Strategy::lookup: return {lower_tables(kernel)};
    case ir::Strategy::dot:
    case ir::Strategy::tile:
    case ir::Strategy::addsub:
    case ir::Strategy::madd: return {};
  }
  return {};
}

int64_t padded_rows(const ir::Kernel& kernel) {
  for (const ir::LoopExtent& extent : loop_extents(kernel)) {
    if (extent.axis == ir::Axis::m) return extent.covers;
  }
  return kernel.problem.m;
}

}  // namespace tern::codegen

// Internal to codegen/: how each strategy is lowered, one row each.
#pragma once

#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/program/program.h"

namespace tern::codegen {

struct StrategyLowering {
  // The nest of loops with the operations inside.
  ir::Program (*lower)(const ir::Kernel& kernel);
  // See preparations() in lower.h.
  std::vector<ir::Program> (*preparations)(const ir::Kernel& kernel);
};

const StrategyLowering& lowering(ir::Strategy strategy);

// The rows, each in the file lower_NAME.cpp.
extern const StrategyLowering dot_lowering, lookup_lowering, tile_lowering, addsub_lowering, madd_lowering;

// Of strategies whose kernels read nothing but weights, activations and what is known of these.
std::vector<ir::Program> no_preparations(const ir::Kernel& kernel);

}  // namespace tern::codegen

#include "codegen/lower/strategies.h"

#include <array>

namespace tern::codegen {
namespace {

// In the order of the enumeration.
constexpr std::array<const StrategyLowering*, ir::all_strategies.size()> table = {
    &dot_lowering, &lookup_lowering, &tile_lowering, &addsub_lowering, &madd_lowering};

}  // namespace

const StrategyLowering& lowering(ir::Strategy strategy) {
  return *table[static_cast<size_t>(strategy)];
}

std::vector<ir::Program> no_preparations(const ir::Kernel&) {
  return {};
}

}  // namespace tern::codegen

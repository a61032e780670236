#include <array>

#include "ir/kernel/strategies/strategy_info.h"

namespace tern::ir {
namespace {

// In the order of the enumeration.
constexpr std::array<const StrategyInfo*, all_strategies.size()> table = {
    &dot_strategy, &lookup_strategy, &tile_strategy, &addsub_strategy, &madd_strategy};

}  // namespace

const StrategyInfo& info(Strategy strategy) {
  return *table[static_cast<size_t>(strategy)];
}

std::string_view name(Strategy strategy) {
  return info(strategy).name;
}

std::optional<Strategy> strategy_named(std::string_view name) {
  for (const Strategy strategy : all_strategies) {
    if (info(strategy).name == name) return strategy;
  }
  return std::nullopt;
}

}  // namespace tern::ir

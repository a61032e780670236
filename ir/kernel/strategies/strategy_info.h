// What the IR knows of a strategy: one row each, in a file of its own beside this one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/kernel/strategies/findings.h"
#include "ir/lexer.h"

namespace tern::ir {

// The weights that one vector holds: how many inputs of each of its outputs, and what the layout must end in.
// Factors of one step (modulus == divisor) may be among them.
struct VectorWeights {
  int64_t k = 0;
  std::vector<Factor> factors;
};

struct StrategyInfo {
  std::string_view name;
  std::string_view operands;  // what is multiplied, as printed after the name
  bool multiplies_quantized;  // problems with exact sums; otherwise dense ones
  // A loop over k walks a panel of unpacked weights, which rounds up by itself, not the layout of W.
  bool walks_panel;
  Compute compute;  // with the default knobs

  VectorWeights (*weights_of_vector)(const Kernel& kernel, int64_t lanes);

  // The knobs as printed between braces, a part each, and back, braces included. The text must not depend on
  // more than the record and the packing.
  std::vector<std::string> (*print_knobs)(const Kernel& kernel);
  void (*parse_knobs)(Lexer& in, Kernel& kernel);

  // What is wrong with the packing, before the schedule is looked at, and then with the knobs.
  void (*check_packing)(Findings& findings);
  void (*check_knobs)(Findings& findings);
};

// The strategies' rows, each in the file of its name.
extern const StrategyInfo dot_strategy, lookup_strategy, tile_strategy, addsub_strategy, madd_strategy;

const StrategyInfo& info(Strategy strategy);

}  // namespace tern::ir

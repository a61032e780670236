#include "ir/kernel/strategies/shared.h"

namespace tern::ir {
namespace {

// A lane an output. Weights that share a byte are neighbouring inputs.
VectorWeights weights_of_vector(const Kernel& kernel, int64_t lanes) {
  const int64_t group = info(kernel.weights.packing).weights_per_group;
  return {group, {{Axis::n, lanes, 1}, {Axis::k, group, 1}}};
}

std::vector<std::string> print_knobs(const Kernel&) {
  return {};
}

void parse_knobs(Lexer&, Kernel&) {}

// Its one epilogue: there is no exact sum to make something else of.
void check_knobs(Findings& findings) {
  if (findings.kernel.epilogue != Epilogue::plain || findings.kernel.quantizes_rows)
    findings.report(findings.locations.epilogue, "dense products are written as they are: C = acc");
}

}  // namespace

constinit const StrategyInfo madd_strategy = {.name = "madd",
                                              .operands = "W*A",
                                              .multiplies_quantized = false,
                                              .walks_panel = false,
                                              .compute = MaddCompute{},
                                              .weights_of_vector = weights_of_vector,
                                              .print_knobs = print_knobs,
                                              .parse_knobs = parse_knobs,
                                              .check_packing = accept_packing,
                                              .check_knobs = check_knobs};

}  // namespace tern::ir

#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/strategies/shared.h"

namespace tern::ir {
namespace {

// The bits of a mask: the weights of one input for all outputs.
VectorWeights weights_of_vector(const Kernel& kernel, int64_t lanes) {
  const int64_t group = info(kernel.weights.packing).weights_per_group;
  return {1, {{Axis::n, lanes, group}, {Axis::n, group, 1}}};
}

std::vector<std::string> print_knobs(const Kernel& kernel) {
  std::vector<std::string> parts;
  print_widening(parts, kernel);
  return parts;
}

void parse_knobs(Lexer& in, Kernel& kernel) {
  if (!in.accept("{")) return;
  parse_widening(in, kernel);
  in.expect("}");
}

void check_packing(Findings& findings) {
  if (findings.kernel.weights.packing != Packing::planes)
    findings.report(findings.locations.compute, "addsub needs masks: packing planes");
}

void check_knobs(Findings& findings) {
  if (weight_vector(findings.kernel).lanes % 8 != 0)
    findings.report(findings.locations.compute, "masks have whole bytes of outputs");
}

}  // namespace

constinit const StrategyInfo addsub_strategy = {.name = "addsub",
                                                .operands = "W*A",
                                                .multiplies_quantized = true,
                                                .walks_panel = false,
                                                .compute = AddsubCompute{},
                                                .weights_of_vector = weights_of_vector,
                                                .print_knobs = print_knobs,
                                                .parse_knobs = parse_knobs,
                                                .check_packing = check_packing,
                                                .check_knobs = check_knobs};

}  // namespace tern::ir

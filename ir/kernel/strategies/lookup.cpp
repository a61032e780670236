#include <fmt/format.h>

#include <algorithm>

#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/strategies/shared.h"

namespace tern::ir {
namespace {

// A byte an output. Partial sums are made by interleaving the low and the high halves of blocks of 16 bytes,
// so the outputs of the first half of the lanes lie in the low halves.
VectorWeights byte_weights(const Kernel& kernel, int64_t lanes) {
  const PackingInfo& packing = info(kernel.weights.packing);
  const int64_t group = packing.weights_per_group, half = std::max<int64_t>(lanes / 2, 8);
  if (!packing.half_table)
    return {group, {{Axis::n, half, 8}, {Axis::n, lanes, half}, {Axis::n, 8, 1}, {Axis::k, group, 1}}};
  // The low and high parts of sums are interleaved byte by byte, which leaves two outputs in each lane of
  // four bytes.
  const int64_t quarter = half / 2;
  return {group,
          {{Axis::n, quarter, 4},
           {Axis::n, lanes, half},
           {Axis::n, 4, 1},
           {Axis::n, half, quarter},
           {Axis::k, group, 1}}};
}

VectorWeights weights_of_vector(const Kernel& kernel, int64_t lanes) {
  const bool by_dot4 = std::get<LookupCompute>(kernel.compute).by_dot4;
  return by_dot4 ? dot_weights(kernel, lanes) : byte_weights(kernel, lanes);
}

std::vector<std::string> print_knobs(const Kernel& kernel) {
  std::vector<std::string> parts;
  if (std::get<LookupCompute>(kernel.compute).by_dot4) parts.push_back("by dot4");
  print_widening(parts, kernel);
  return parts;
}

void parse_knobs(Lexer& in, Kernel& kernel) {
  if (!in.accept("{")) return;
  do {
    if (in.accept("by")) {
      in.expect("dot4");
      std::get<LookupCompute>(kernel.compute).by_dot4 = true;
    } else {
      parse_widening(in, kernel);
    }
  } while (in.accept(","));
  in.expect("}");
}

void check_packing(Findings& findings) {
  const LookupCompute& lookup = std::get<LookupCompute>(findings.kernel.compute);
  const Packing packing = findings.kernel.weights.packing;
  if (!can_look_up(packing, lookup.by_dot4))
    findings.report(findings.locations.compute,
                    fmt::format("there are no tables{} for the codes of {}", lookup.by_dot4 ? " by dot4" : "",
                                info(packing).name));
}

void check_knobs(Findings& findings) {
  const LookupCompute& lookup = std::get<LookupCompute>(findings.kernel.compute);
  const auto report = [&](std::string message) {
    findings.report(findings.locations.compute, std::move(message));
  };
  if (lookup.by_dot4 && lookup.widen_every_k != 0) report("sums by dot4 are never partial");
  if (!lookup.by_dot4 && lookup.widen_every_k == 0)
    report("sums of look-ups are partial for a while: widen every k");
  if (!lookup.by_dot4 && weight_vector(findings.kernel).lanes % 16 != 0)
    report("look-ups work on whole blocks of 16 outputs");
}

}  // namespace

constinit const StrategyInfo lookup_strategy = {.name = "lookup",
                                                .operands = "T by W",
                                                .multiplies_quantized = true,
                                                .walks_panel = false,
                                                .compute = LookupCompute{},
                                                .weights_of_vector = weights_of_vector,
                                                .print_knobs = print_knobs,
                                                .parse_knobs = parse_knobs,
                                                .check_packing = check_packing,
                                                .check_knobs = check_knobs};

}  // namespace tern::ir

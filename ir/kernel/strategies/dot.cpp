#include <fmt/format.h>

#include "ir/kernel/strategies/shared.h"

namespace tern::ir {
namespace {

std::vector<std::string> print_knobs(const Kernel& kernel) {
  const DotCompute& dot = std::get<DotCompute>(kernel.compute);
  std::vector<std::string> parts;
  print_unpacking(parts, dot.unpacking);
  if (dot.fields_per_shift != 1) parts.push_back(fmt::format("fields per shift {}", dot.fields_per_shift));
  print_widening(parts, kernel);
  return parts;
}

void parse_knobs(Lexer& in, Kernel& kernel) {
  DotCompute& dot = std::get<DotCompute>(kernel.compute);
  in.expect("{");
  parse_zero_point(in, dot.unpacking);
  while (in.accept(",")) {
    if (parse_unpack(in, dot.unpacking)) continue;
    if (in.accept("fields")) {
      in.expect_all("per shift");
      dot.fields_per_shift = small_number(in, "a number of fields");
    } else {
      parse_widening(in, kernel);
    }
  }
  in.expect("}");
}

void check_knobs(Findings& findings) {
  const DotCompute& dot = std::get<DotCompute>(findings.kernel.compute);
  check_unpacking(findings, dot.unpacking);
  if (dot.fields_per_shift == 1) return;
  const bool two_bits = info(findings.kernel.weights.packing).code_bits == 2;
  const bool fits = dot.fields_per_shift >= 2 && dot.fields_per_shift <= 4;
  if (!fits || !two_bits || dot.unpacking.unpack != Unpack::fields || dot.unpacking.zero_point == 0)
    findings.report(findings.locations.compute,
                    "2 to 4 fields per shift need fields of two bits and zero point 1");
}

}  // namespace

constinit const StrategyInfo dot_strategy = {.name = "dot",
                                             .operands = "W*A",
                                             .multiplies_quantized = true,
                                             .walks_panel = false,
                                             .compute = DotCompute{},
                                             .weights_of_vector = dot_weights,
                                             .print_knobs = print_knobs,
                                             .parse_knobs = parse_knobs,
                                             .check_packing = accept_packing,
                                             .check_knobs = check_knobs};

}  // namespace tern::ir

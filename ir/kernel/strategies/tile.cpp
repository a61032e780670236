#include <fmt/format.h>

#include <algorithm>

#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/strategies/shared.h"

namespace tern::ir {
namespace {

std::vector<std::string> print_knobs(const Kernel& kernel) {
  const TileCompute& tile = std::get<TileCompute>(kernel.compute);
  std::vector<std::string> parts = {fmt::format("instruction {}", info(tile.instruction).name)};
  print_unpacking(parts, tile.unpacking);
  print_widening(parts, kernel);
  return parts;
}

void parse_instruction(Lexer& in, TileCompute& tile) {
  in.expect("instruction");
  const Location where = in.here();
  const std::string word = in.word("an instruction");
  const auto known = std::ranges::find(tile_instructions, word, &TileInstructionInfo::name);
  if (known != tile_instructions.end())
    tile.instruction = known->instruction;
  else
    in.fail(fmt::format("'{}' is no instruction of tiles", word), where);
}

void parse_knobs(Lexer& in, Kernel& kernel) {
  TileCompute& tile = std::get<TileCompute>(kernel.compute);
  in.expect("{");
  parse_instruction(in, tile);
  in.expect(",");
  parse_zero_point(in, tile.unpacking);
  while (in.accept(",")) {
    if (!parse_unpack(in, tile.unpacking)) parse_widening(in, kernel);
  }
  in.expect("}");
}

// Lanes that the instruction takes, and packings that can be laid out for it.
void check_vectors(Findings& findings, const WeightVector& vector, TileInstruction instruction) {
  const std::string_view name = info(instruction).name;
  switch (instruction) {
    case TileInstruction::dot4: return;
    case TileInstruction::mma_2x8x2:
      if (vector.lanes % 4 != 0 || vector.weights_per_group % 2 != 0)
        findings.report(findings.locations.problem,
                        fmt::format("{} needs vectors of whole blocks of 4 outputs, and groups of an even "
                                    "number of weights",
                                    name));
      return;
    case TileInstruction::mma_16x64x16:
    case TileInstruction::mma_16x32x16:
      if (vector.lanes != info(instruction).outputs)
        findings.report(findings.locations.problem, fmt::format("{0} has {1} outputs: 'vector n by {1}'",
                                                                name, info(instruction).outputs));
      return;
  }
}

// The panel is whole vectors, evenly spaced in the layout.
void check_panel(Findings& findings, const WeightVector& vector) {
  const Kernel& kernel = findings.kernel;
  const PanelShape panel = panel_shape(kernel);
  const LayoutMap map(kernel.weights, kernel.problem.n, kernel.problem.k);
  if (panel.outputs % vector.lanes != 0 || !map.stride(Axis::n, vector.lanes, panel.outputs / vector.lanes))
    findings.report(findings.locations.problem,
                    fmt::format("a panel of {} outputs is not whole vectors, evenly spaced in the layout",
                                panel.outputs));
  if (panel.inputs > activation_stride(kernel.problem))
    findings.report(findings.locations.problem,
                    fmt::format("a panel of {} inputs is past the row of A", panel.inputs));
}

void check_knobs(Findings& findings) {
  const TileCompute& tile = std::get<TileCompute>(findings.kernel.compute);
  check_unpacking(findings, tile.unpacking);
  if (tile.widen_every_k != 0 && tile.instruction != TileInstruction::dot4)
    findings.report(findings.locations.compute, "only instruction dot4 has partial sums");
  const Problem& problem = findings.kernel.problem;
  if (has_tile_registers(tile.instruction) && !fits_tile_registers(problem))
    findings.report(findings.locations.compute,
                    fmt::format("{} needs groups of A that are no larger than those of W, and at most {} in "
                                "one of these",
                                info(tile.instruction).name, max_kept_groups));
  const WeightVector vector = weight_vector(findings.kernel);
  check_panel(findings, vector);
  check_vectors(findings, vector, tile.instruction);
}

}  // namespace

constinit const StrategyInfo tile_strategy = {.name = "tile",
                                              .operands = "W*A",
                                              .multiplies_quantized = true,
                                              .walks_panel = true,
                                              .compute = TileCompute{},
                                              .weights_of_vector = dot_weights,
                                              .print_knobs = print_knobs,
                                              .parse_knobs = parse_knobs,
                                              .check_packing = accept_packing,
                                              .check_knobs = check_knobs};

}  // namespace tern::ir

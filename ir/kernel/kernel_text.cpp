// print and parse of the Kernel.
#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/problem_text.h"
#include "ir/kernel/strategies/strategy_info.h"
#include "ir/lexer.h"

namespace tern::ir {
namespace {

std::string print_compute(const Kernel& kernel) {
  const StrategyInfo& strategy = info(kernel.strategy());
  const std::vector<std::string> knobs = strategy.print_knobs(kernel);
  const std::string all = knobs.empty() ? "" : fmt::format(" {{ {} }}", fmt::join(knobs, ", "));
  return fmt::format("  compute {} {}{}\n", strategy.name, strategy.operands, all);
}

// The scaled sum of a problem: see Problem.
std::string scaled_sum(const Problem& problem, std::string_view acc) {
  if (!problem.is_quantized()) return std::string(acc);
  std::string text = fmt::format("f32({})", acc);
  if (problem.is_grouped()) {
    const bool fine_is_a = problem.scales_terms_by_a();
    const bool nested = problem.sum_group() != problem.outer_group();
    text += fmt::format(" * {},{}]", fine_is_a ? "da[m" : "S[n", nested ? "h" : "g");
    if (nested) text = fmt::format("sum_h({})", text);
    if (problem.is_grouped_twice()) text += fine_is_a ? " * S[n,g]" : " * da[m,g]";
    text = fmt::format("sum_g({})", text);
  }
  if (problem.a.scaling == Scaling::row) text += " / sa[m]";
  if (problem.w.scaling == Scaling::tensor) text += " * sw";
  if (problem.w.scaling == Scaling::row) text += " * sw[n]";
  return text;
}

std::string print_epilogue(const Problem& problem, Epilogue epilogue) {
  const std::string sum = scaled_sum(problem, "acc");
  switch (epilogue) {
    case Epilogue::plain: return "C = " + sum;
    case Epilogue::residual: return "C = R + " + sum;
    case Epilogue::gate: return fmt::format("C = relu(G) * relu(G) * ({})", sum);
    case Epilogue::sums: return "C = i32(acc)";
    case Epilogue::add_sums: return "C = " + scaled_sum(problem, "acc + P");
  }
  return {};
}

// Expects the tokens of a text.
void expect_text(Lexer& in, std::string_view text) {
  for (Lexer tokens(text, ""); !in.failed() && !tokens.at_end(); tokens.accept(tokens.peek()))
    in.expect(tokens.peek());
}

Axis parse_axis(Lexer& in, std::string_view allowed) {
  const Location where = in.here();
  const std::string text = in.word("an axis");
  for (Axis axis : {Axis::m, Axis::n, Axis::k, Axis::e, Axis::b}) {
    if (text == std::string(1, name(axis)) && allowed.find(name(axis)) != std::string_view::npos) return axis;
  }
  in.fail(fmt::format("expected an axis, one of the letters {}", allowed), where);
  return Axis::n;
}

Layout parse_layout(Lexer& in) {
  Layout layout;
  const Location where = in.here();
  const std::string packing = in.word("a packing");
  layout.packing = packing_named(packing).value_or(Packing::b2);
  if (!packing_named(packing)) in.fail(fmt::format("'{}' is no packing", packing), where);
  in.expect("[");
  do {
    Factor factor;
    factor.axis = parse_axis(in, "nkeb");
    if (in.accept("%")) factor.modulus = in.integer("a modulus");
    if (in.accept("/")) factor.divisor = in.integer("a divisor");
    layout.factors.push_back(factor);
  } while (in.accept(","));
  in.expect_all("] align");
  layout.alignment = in.integer("an alignment");
  return layout;
}

void parse_schedule(Lexer& in, Schedule& schedule, KernelLocations& locations) {
  in.expect("{");
  while (!in.failed() && !in.accept("}")) {
    const Location where = in.here();
    const std::string word = in.word("a loop or 'prefetch'");
    if (word == "prefetch") {
      in.expect("W");
      schedule.prefetch_bytes = in.integer("a distance in bytes");
      in.expect_all("bytes ahead");
      locations.prefetch = where;
      continue;
    }
    ScheduledLoop loop;
    bool known = false;
    for (LoopKind kind : {LoopKind::parallel, LoopKind::sequential, LoopKind::unroll, LoopKind::vector}) {
      if (word != name(kind)) continue;
      loop.kind = kind;
      known = true;
    }
    if (!known) in.fail("expected 'parallel', 'for', 'unroll', 'vector' or 'prefetch'", where);
    loop.axis = parse_axis(in, "mnk");
    in.expect("by");
    loop.step = in.integer("a step");
    schedule.loops.push_back(loop);
    locations.loops.push_back(where);
  }
}

void parse_compute(Lexer& in, Kernel& kernel) {
  const Location where = in.here();
  const std::string word = in.word("a strategy");
  const std::optional<Strategy> strategy = strategy_named(word);
  if (!strategy) return in.fail(fmt::format("'{}' is no strategy", word), where);
  kernel.compute = info(*strategy).compute;
  expect_text(in, info(*strategy).operands);
  info(*strategy).parse_knobs(in, kernel);
}

void parse_epilogue(Lexer& in, Kernel& kernel) {
  // The first token after "C =" tells the epilogues apart, but for plain and add_sums, which differ after
  // "acc".
  in.expect_all("C =");
  if (in.peek() == "R") kernel.epilogue = Epilogue::residual;
  if (in.peek() == "relu") kernel.epilogue = Epilogue::gate;
  if (in.peek() == "i32") kernel.epilogue = Epilogue::sums;
  const std::string plain = print_epilogue(kernel.problem, kernel.epilogue).substr(3);
  if (const size_t acc = plain.find("acc"); kernel.epilogue == Epilogue::plain && acc != std::string::npos) {
    expect_text(in, plain.substr(0, acc + 3));
    if (in.accept("+")) {
      kernel.epilogue = Epilogue::add_sums;
      in.expect("P");
    }
    expect_text(in, plain.substr(acc + 3));
  } else {
    expect_text(in, plain);
  }
  kernel.quantizes_rows = in.accept("then");
  if (kernel.quantizes_rows) in.expect_all("Q = C quantize i8 absmax per m");
}

}  // namespace

std::string_view name(LoopKind kind) {
  switch (kind) {
    case LoopKind::parallel: return "parallel";
    case LoopKind::sequential: return "for";
    case LoopKind::unroll: return "unroll";
    case LoopKind::vector: return "vector";
  }
  return {};
}

std::string print(const ScheduledLoop& loop) {
  return fmt::format("{} {} by {}", name(loop.kind), name(loop.axis), loop.step);
}

std::string print(const Kernel& kernel) {
  std::string text = fmt::format("kernel @{} {{\n", kernel.name) + "  " + print(kernel.problem, "  ") + "\n";
  text += "  layout {\n    W: " + print(kernel.weights) + "\n";
  if (kernel.scales) text += "    S: " + print(*kernel.scales) + "\n";
  text += "  }\n  schedule {\n";
  for (const ScheduledLoop& loop : kernel.schedule.loops) text += "    " + print(loop) + "\n";
  if (kernel.schedule.prefetch_bytes != 0)
    text += fmt::format("    prefetch W {} bytes ahead\n", kernel.schedule.prefetch_bytes);
  return text + "  }\n" + print_compute(kernel) + "  epilogue " +
         print_epilogue(kernel.problem, kernel.epilogue) +
         (kernel.quantizes_rows ? " then Q = C quantize i8 absmax per m\n}\n" : "\n}\n");
}

Expected<ParsedKernel> parse_kernel(std::string_view text, std::string_view file) {
  ParsedKernel parsed;
  auto& [kernel, locations] = parsed;
  Lexer in(text, file);
  in.expect_all("kernel @");
  kernel.name = in.word("the kernel's name");
  in.expect("{");
  locations.problem = in.here();
  kernel.problem = parse_problem(in);
  in.expect_all("layout {");
  locations.weights = in.here();
  in.expect_all("W :");
  kernel.weights = parse_layout(in);
  locations.scales = in.here();
  if (in.accept("S")) {
    in.expect(":");
    kernel.scales = parse_layout(in);
  }
  in.expect_all("} schedule");
  parse_schedule(in, kernel.schedule, locations);
  locations.compute = in.here();
  in.expect("compute");
  parse_compute(in, kernel);
  locations.epilogue = in.here();
  in.expect("epilogue");
  parse_epilogue(in, kernel);
  in.expect("}");
  in.expect_end();
  if (in.failed()) return in.error();
  return parsed;
}

uint64_t hash(const Kernel& kernel) {
  Kernel nameless = kernel;
  nameless.name.clear();
  return fnv1a(print(nameless));
}

}  // namespace tern::ir

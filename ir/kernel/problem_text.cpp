#include "ir/kernel/problem_text.h"

#include <fmt/format.h>

namespace tern::ir {
namespace {

std::string print_activations(const Operand& a) {
  switch (a.scaling) {
    case Scaling::none:
    case Scaling::tensor: return "f32[m,k]";
    case Scaling::row: return "f32[m,k]  quantize i8 absmax per m";
    case Scaling::group: return fmt::format("f32[m,k]  quantize i8 absmax per k {}", a.group);
  }
  return {};
}

std::string print_weights(const Operand& w) {
  std::string text = fmt::format("{}[n,k]", name(w.element));
  if (w.zero_point != 0) text += fmt::format("  zero point {}", w.zero_point);
  switch (w.scaling) {
    case Scaling::none: return text;
    case Scaling::tensor: return text + fmt::format("  scale {} per tensor", name(w.scale));
    case Scaling::row: return text + fmt::format("  scale {} per n", name(w.scale));
    case Scaling::group: return text + fmt::format("  scale {} per k {}", name(w.scale), w.group);
  }
  return {};
}

std::string print_sums(const Problem& problem) {
  std::string text(name(problem.accumulator));
  if (problem.is_quantized() && problem.is_grouped())
    text += fmt::format(" per k {}, then f32 ascending", problem.sum_group());
  return text;
}

Element parse_element(Lexer& in, std::string_view what) {
  const Location where = in.here();
  const std::string word = in.word(what);
  if (!in.failed() && !element_named(word)) in.fail(fmt::format("'{}' is no element type", word), where);
  return element_named(word).value_or(Element::i32);
}

// "per m", "per n" or "per tensor", whichever `whole` is, or "per k 32".
void parse_scaling(Lexer& in, Operand& operand) {
  if (in.accept("k")) {
    operand.scaling = Scaling::group;
    operand.group = in.integer("the inputs per scale");
  }
}

Operand parse_activations(Lexer& in) {
  if (!in.accept("quantize")) return {Element::f32, Scaling::none};
  Operand a = {Element::i8, Scaling::row};
  in.expect_all("i8 absmax per");
  parse_scaling(in, a);
  if (a.scaling == Scaling::row) in.expect("m");
  return a;
}

Operand parse_weights(Lexer& in) {
  Operand w = {parse_element(in, "the element type of W"), Scaling::none};
  in.expect_all("[ n , k ]");
  if (in.accept("zero")) {
    in.expect("point");
    w.zero_point = in.integer("a zero point");
  }
  if (!in.accept("scale")) return w;
  w.scale = parse_element(in, "the element type of the scales");
  in.expect("per");
  parse_scaling(in, w);
  if (w.scaling == Scaling::group) return w;
  w.scaling = in.accept("tensor") ? Scaling::tensor : Scaling::row;
  if (w.scaling == Scaling::row) in.expect("n");
  return w;
}

}  // namespace

std::string print(const Problem& problem, std::string_view indentation) {
  return fmt::format(
      "problem matmul m={} n={} k={} {{\n"
      "{}  A: {}\n"
      "{}  W: {}\n"
      "{}  C: f32[m,n]  accumulate {}\n"
      "{}}}",
      problem.m, problem.n, problem.k, indentation, print_activations(problem.a), indentation,
      print_weights(problem.w), indentation, print_sums(problem), indentation);
}

Problem parse_problem(Lexer& in) {
  Problem problem;
  in.expect_all("problem matmul m =");
  problem.m = in.integer("m");
  in.expect_all("n =");
  problem.n = in.integer("n");
  in.expect_all("k =");
  problem.k = in.integer("k");
  in.expect_all("{ A : f32 [ m , k ]");
  problem.a = parse_activations(in);
  in.expect_all("W :");
  problem.w = parse_weights(in);
  in.expect_all("C : f32 [ m , n ] accumulate");
  problem.accumulator = parse_element(in, "the element type of sums");
  if (problem.is_quantized() && problem.is_grouped()) {
    const Location where = in.here();
    in.expect_all("per k");
    const int64_t inputs = in.integer("the inputs of an exact sum");
    if (!in.failed() && inputs != problem.sum_group())
      in.fail(fmt::format("sums are exact for {} inputs, the smaller group", problem.sum_group()), where);
    in.expect_all(", then f32 ascending");
  }
  in.expect("}");
  return problem;
}

}  // namespace tern::ir

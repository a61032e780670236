#include "ir/kernel/strategies/shared.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/kernel/kernel_shape.h"

namespace tern::ir {

void print_widening(std::vector<std::string>& parts, const Kernel& kernel) {
  const int64_t inputs = widen_every_k(kernel.compute);
  if (inputs != 0)
    parts.push_back(fmt::format("partial {}, widen every k {}", name(partial_element(kernel)), inputs));
}

void parse_widening(Lexer& in, Kernel& kernel) {
  in.expect("partial");
  in.expect(name(partial_element(kernel)));
  in.expect_all(", widen every k");
  set_widen_every_k(kernel.compute, in.integer("the inputs between widenings"));
}

void print_unpacking(std::vector<std::string>& parts, const Unpacking& unpacking) {
  parts.push_back(fmt::format("zero point {}", unpacking.zero_point));
  if (unpacking.zero_point != 0)
    parts.push_back(fmt::format("correct -{}sum_k A",
                                unpacking.zero_point > 1 ? fmt::format("{} ", unpacking.zero_point) : ""));
  if (unpacking.unpack != Unpack::fields) parts.push_back(fmt::format("unpack {}", name(unpacking.unpack)));
}

void parse_zero_point(Lexer& in, Unpacking& unpacking) {
  in.expect_all("zero point");
  unpacking.zero_point = small_number(in, "a zero point");
  if (unpacking.zero_point == 0) return;
  in.expect_all(", correct -");
  in.accept(std::to_string(unpacking.zero_point));  // the factor, which may be left out
  in.expect_all("sum_k A");
}

bool parse_unpack(Lexer& in, Unpacking& unpacking) {
  if (!in.accept("unpack")) return false;
  const Location where = in.here();
  const std::string word = in.word("a way to unpack");
  const auto known = std::ranges::find(unpack_names, word);
  if (known == unpack_names.end())
    in.fail(fmt::format("'{}' is no way to unpack: {}", word, fmt::join(unpack_names, ", ")), where);
  else
    unpacking.unpack = static_cast<Unpack>(known - unpack_names.begin());
  return true;
}

int small_number(Lexer& in, std::string_view what) {
  return static_cast<int>(std::clamp<int64_t>(in.integer(what), -1000, 1000));
}

void check_unpacking(Findings& findings, const Unpacking& unpacking) {
  const auto report = [&](std::string message) {
    findings.report(findings.locations.compute, std::move(message));
  };
  const PackingInfo& packing = info(findings.kernel.weights.packing);
  const int zero_point = code_zero_point(findings.kernel.problem.w.element);
  if (unpacking.zero_point != 0 && unpacking.zero_point != zero_point)
    report(fmt::format("the zero point must be 0 or {}", zero_point));
  if (widen_every_k(findings.kernel.compute) != 0 && unpacking.zero_point == 0)
    report(fmt::format("partial sums in i16 need unsigned codes: zero point {}", zero_point));
  if (!can_unpack(packing.packing, unpacking.unpack))
    report(fmt::format("{} cannot be unpacked by {}", packing.name, name(unpacking.unpack)));
}

void accept_packing(Findings&) {}

VectorWeights dot_weights(const Kernel& kernel, int64_t lanes) {
  const int64_t k = 4 * info(kernel.weights.packing).weights_per_group;
  return {k, {{Axis::n, lanes, 1}, {Axis::k, 4, 1}, {Axis::k, k, 4}}};
}

}  // namespace tern::ir

#include "tools/bench/weights_option.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "kernels/recipe.h"

namespace tern::tools {
namespace {

constexpr ir::Element elements[] = {ir::Element::trit, ir::Element::sign, ir::Element::i2,
                                    ir::Element::i4,   ir::Element::i8,   ir::Element::f16,
                                    ir::Element::bf16, ir::Element::f32};

// The recipe's packing, or all of it.
bool is_named(const kernels::Recipe& recipe, std::string_view kernel) {
  const std::string text = print(recipe);
  return text == kernel || text.substr(0, text.find(' ')) == kernel;
}

bool exists(std::string_view kernel, ir::Element element) {
  return kernel == "tuned" ||
         std::ranges::any_of(kernels::recipes(element),
                             [&](const kernels::Recipe& recipe) { return is_named(recipe, kernel); });
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) return parts;
    text.remove_prefix(colon + 1);
  }
}

// "g128"
std::optional<int64_t> parse_group(std::string_view text) {
  int64_t group = 0;
  if (!text.starts_with('g')) return std::nullopt;
  const char* end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data() + 1, end, group);
  if (problem != std::errc() || stopped != end || group < 1 || group > (1 << 20)) return std::nullopt;
  return group;
}

ir::Operand scaled(ir::Element element, std::optional<int64_t> group) {
  const ir::Operand plain = ir::weights_of(element, group.value_or(32));
  if (!group || plain.scaling == ir::Scaling::group) return plain;
  return {element, ir::Scaling::group, *group, ir::Element::f16};
}

bool can_have_groups(ir::Element element) {
  return ir::weights_of(element).scaling != ir::Scaling::none;
}

Expected<BenchWeights> parse(const std::string& item) {
  const Error wrong = {
      fmt::format("--weights: '{}' is not KERNEL[:ELEMENT][:gGROUP], such as b2, b2:g128 or b2:i2:g64", item),
      {}};
  std::vector<std::string_view> parts = split(item);
  const std::string kernel(parts[0]);
  parts.erase(parts.begin());
  std::optional<ir::Element> element;
  std::optional<int64_t> group;
  if (!parts.empty() && (element = ir::element_named(parts[0]))) parts.erase(parts.begin());
  if (!parts.empty() && (group = parse_group(parts[0]))) parts.erase(parts.begin());
  if (!parts.empty()) return wrong;
  if (!element && exists(kernel, ir::element_named(kernel).value_or(ir::Element::u8)))
    element = ir::element_named(kernel);
  if (!element) {
    const auto* held =
        std::ranges::find_if(elements, [&](ir::Element candidate) { return exists(kernel, candidate); });
    if (held == std::end(elements))
      return Error{
          fmt::format("--weights: '{}' is neither a packing nor a recipe (tern targets --recipes)", kernel),
          {}};
    element = *held;
  }
  if (std::ranges::find(elements, *element) == std::end(elements) || !exists(kernel, *element))
    return Error{fmt::format("--weights: '{}' does not hold weights of type {}", kernel, name(*element)), {}};
  if (group && !can_have_groups(*element))
    return Error{fmt::format("--weights: weights of type {} have no scales", name(*element)), {}};
  return BenchWeights{item, kernel, scaled(*element, group)};
}

}  // namespace

Expected<std::vector<BenchWeights>> parse_bench_weights(const std::vector<std::string>& items) {
  std::vector<BenchWeights> all;
  for (const std::string& item : items) {
    TERN_ASSIGN(BenchWeights one, parse(item));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace tern::tools

#include "ir/type.h"

#include <array>
#include <charconv>
#include <limits>

namespace tern::ir {
namespace {

struct ElementInfo {
  Element element;
  std::string_view name;
  int bytes;
  bool is_float;
  int64_t lowest, highest;  // of the integers
};

constexpr std::array<ElementInfo, 11> elements = {{
    {Element::trit, "trit", 0, false, -1, 1},
    {Element::sign, "sign", 0, false, -1, 1},
    {Element::i2, "i2", 0, false, -1, 2},
    {Element::i4, "i4", 0, false, -8, 7},
    {Element::i8, "i8", 1, false, -128, 127},
    {Element::u8, "u8", 1, false, 0, 255},
    {Element::i16, "i16", 2, false, -32768, 32767},
    {Element::i32, "i32", 4, false, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()},
    {Element::f16, "f16", 2, true, 0, 0},
    {Element::bf16, "bf16", 2, true, 0, 0},
    {Element::f32, "f32", 4, true, 0, 0},
}};

constexpr const ElementInfo& info(Element element) {
  return elements[static_cast<size_t>(element)];
}

}  // namespace

std::string_view name(Element element) {
  return info(element).name;
}
int size_in_bytes(Element element) {
  return info(element).bytes;
}
bool is_float(Element element) {
  return info(element).is_float;
}
int64_t lowest(Element element) {
  return info(element).lowest;
}
int64_t highest(Element element) {
  return info(element).highest;
}

std::optional<Element> element_named(std::string_view text) {
  for (const ElementInfo& candidate : elements) {
    if (candidate.name == text) return candidate.element;
  }
  return std::nullopt;
}

std::string print(VectorType type) {
  return std::string(name(type.element)) + "x" + std::to_string(type.lanes);
}

std::optional<VectorType> parse_vector_type(std::string_view text) {
  const size_t cross = text.find('x');
  if (cross == std::string_view::npos) return std::nullopt;
  const std::optional<Element> element = element_named(text.substr(0, cross));
  const std::string_view digits = text.substr(cross + 1);
  int lanes = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), lanes);
  if (!element || !has_storage(*element) || problem != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  if (lanes < 1 || lanes > 1024) return std::nullopt;
  return VectorType{*element, lanes};
}

}  // namespace tern::ir

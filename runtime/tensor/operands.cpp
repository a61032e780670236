#include "runtime/tensor/operands.h"

#include <algorithm>
#include <numeric>

namespace tern::runtime {
namespace {

constexpr int64_t group_of_one_scale = 64;  // inputs that share a scale where a row had but one

// The kinds of whole numbers, each of which holds all before it; -1 for floats.
int rank(ir::Element element) {
  switch (element) {
    case ir::Element::sign: return 0;
    case ir::Element::trit: return 1;
    case ir::Element::i2: return 2;
    case ir::Element::i4: return 3;
    case ir::Element::i8: return 4;
    case ir::Element::u8:
    case ir::Element::i16:
    case ir::Element::i32:
    case ir::Element::f16:
    case ir::Element::bf16:
    case ir::Element::f32: break;
  }
  return -1;
}

int64_t common_group(const ir::Operand& a, const ir::Operand& b) {
  if (a.group == 0 || b.group == 0) return a.group + b.group;
  return std::gcd(a.group, b.group);
}

// A scale of f16 is promised only where both promise it; a scale without a group is an f32.
ir::Element common_scale(const ir::Operand& a, const ir::Operand& b) {
  const auto is_half = [](const ir::Operand& w) {
    return w.scaling == ir::Scaling::group && w.scale == ir::Element::f16;
  };
  return is_half(a) && is_half(b) ? ir::Element::f16 : ir::Element::f32;
}

}  // namespace

ir::Operand common_operand(const ir::Operand& a, const ir::Operand& b) {
  if (a == b) return a;
  if (rank(a.element) < 0 || rank(b.element) < 0)
    return {a.element == b.element ? a.element : ir::Element::f32, ir::Scaling::none};
  const ir::Element element = rank(a.element) < rank(b.element) ? b.element : a.element;
  int64_t group = common_group(a, b);
  if (group == 0 && rank(element) >= rank(ir::Element::i4)) group = group_of_one_scale;
  if (group != 0) return {element, ir::Scaling::group, group, common_scale(a, b)};
  return {element, a.scaling == b.scaling ? a.scaling : ir::Scaling::row};
}

ir::Operand dense_operand(const ir::Operand& weights) {
  if (rank(weights.element) < 0) return weights;
  const bool is_dense = weights.group != 0 && rank(weights.element) >= rank(ir::Element::i4);
  const int64_t group = weights.group == 0 ? group_of_one_scale : weights.group;
  return {is_dense ? weights.element : ir::Element::i8, ir::Scaling::group, group};
}

}  // namespace tern::runtime

#include "runtime/jinja/parse/expression_node.h"

namespace tern::runtime::jinja {
namespace {

struct DepthBelow {
  size_t depth = 0;

  void add(const ExpressionPtr& child) {
    if (child) depth = std::max(depth, child->depth);
  }
  void add(const std::vector<ExpressionPtr>& children) {
    for (const ExpressionPtr& child : children) add(child);
  }

  void operator()(const Literal&) {}
  void operator()(const Name&) {}
  void operator()(const ListLiteral& node) { add(node.items); }
  void operator()(const DictLiteral& node) {
    for (const auto& [key, value] : node.items) add(key), add(value);
  }
  void operator()(const Attribute& node) { add(node.object); }
  void operator()(const Item& node) { add(node.object), add(node.key); }
  void operator()(const Slice& node) { add(node.object), add(node.start), add(node.stop), add(node.step); }
  void operator()(const Unary& node) { add(node.operand); }
  void operator()(const Binary& node) { add(node.left), add(node.right); }
  void operator()(const Logical& node) { add(node.left), add(node.right); }
  void operator()(const Compare& node) {
    add(node.first);
    for (const auto& [comparison, operand] : node.rest) add(operand);
  }
  void operator()(const Conditional& node) { add(node.condition), add(node.value), add(node.otherwise); }
  void operator()(const Filter& node) { add(node.subject), add(node.arguments); }
  void operator()(const Test& node) { add(node.subject), add(node.arguments); }
  void operator()(const Each& node) {
    add(node.subject), add(node.attribute), add(node.otherwise), add(node.arguments);
  }
  void operator()(const MethodCall& node) { add(node.object), add(node.arguments); }
  void operator()(const Call& node) {
    add(node.arguments.positional);
    for (const auto& [name, value] : node.arguments.named) add(value);
  }
  void operator()(const FunctionCall& node) { add(node.arguments); }
};

}  // namespace

size_t depth_below(const Expression& expression) {
  DepthBelow below;
  std::visit(below, expression.node);
  return below.depth;
}

}  // namespace tern::runtime::jinja

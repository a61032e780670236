// Making nodes of expressions, with their depth.
#pragma once

#include <algorithm>
#include <utility>

#include "runtime/jinja/parse/syntax.h"

namespace tern::runtime::jinja {

// The depth of the deepest of the expressions that a node holds; 0 if it holds none.
size_t depth_below(const Expression& expression);

template <class Node>
ExpressionPtr make_expression(Node node, size_t begin, size_t end) {
  auto made = std::make_unique<Expression>();
  made->node = std::move(node);
  made->begin = begin;
  made->end = end;
  made->depth = 1 + depth_below(*made);
  return made;
}

}  // namespace tern::runtime::jinja

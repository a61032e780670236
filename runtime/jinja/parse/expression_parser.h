// Expressions of a template: from tokens to a tree.
#pragma once

#include <string>
#include <vector>

#include "runtime/jinja/parse/expression_node.h"
#include "runtime/jinja/parse/syntax.h"
#include "runtime/jinja/parse/token_cursor.h"
#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

// The most levels of an expression, and of statements within each other, so that what walks a tree may
// recurse.
inline constexpr size_t max_syntax_depth = 200;

// A call of a name that is no function of the table: by the end of the template there must be a macro of that
// name.
struct CalledName {
  std::string name;
  size_t offset;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenCursor& cursor) : cursor_(cursor) {}

  // With `tuples`, commas make a tuple. Precedence is Jinja2's: `if else` binds loosest, then or, and, not,
  // comparisons, + -, ~, * / // %, **, signs, filters and tests. Errors: what is no expression, what is not
  // supported, unknown names of filters, tests and methods, arguments that fit no parameter.
  Expected<ExpressionPtr> parse(bool tuples = false);
  // An expression without `if`, for what `for` walks: its `if` is a condition on the items.
  Expected<ExpressionPtr> parse_without_condition();
  // The filters after |, which may be none, for {% set %} and {% filter %}.
  Expected<FilterStep> parse_filter_step();

  const std::vector<CalledName>& called_names() const { return called_names_; }

 private:
  Expected<ExpressionPtr> parse_or();
  Expected<ExpressionPtr> parse_and();
  Expected<ExpressionPtr> parse_not();
  Expected<ExpressionPtr> parse_comparison();
  Expected<ExpressionPtr> parse_sum();
  Expected<ExpressionPtr> parse_concatenation();
  Expected<ExpressionPtr> parse_product();
  Expected<ExpressionPtr> parse_power();
  Expected<ExpressionPtr> parse_sign(bool with_filters);
  Expected<ExpressionPtr> parse_primary();
  Expected<ExpressionPtr> parse_parenthesis();
  Expected<ExpressionPtr> parse_list();
  Expected<ExpressionPtr> parse_dict();
  Expected<ExpressionPtr> parse_postfix(ExpressionPtr value);
  Expected<ExpressionPtr> parse_subscript(ExpressionPtr object);
  Expected<ExpressionPtr> parse_attribute(ExpressionPtr object);
  Expected<ExpressionPtr> parse_call(ExpressionPtr callee);
  Expected<ExpressionPtr> parse_filters_and_tests(ExpressionPtr value);
  Expected<ExpressionPtr> parse_filter(ExpressionPtr subject);
  Expected<ExpressionPtr> parse_test(ExpressionPtr subject);
  Expected<ExpressionPtr> parse_format(ExpressionPtr subject);
  Expected<ExpressionPtr> make_each(ExpressionPtr subject, const std::string& name, CallArguments arguments,
                                    size_t offset);

  Expected<CallArguments> parse_arguments();
  Expected<BoundArguments> bind(const Signature& signature, std::string_view what, CallArguments arguments,
                                size_t offset) const;

  // A node of what was read from byte `begin` on.
  template <class Node>
  Expected<ExpressionPtr> make(size_t begin, Node node) {
    ExpressionPtr made = make_expression(std::move(node), begin, cursor_.end_of_last());
    if (made->depth > max_syntax_depth) return cursor_.fail_at(begin, "this expression has too many levels");
    return made;
  }

  TokenCursor& cursor_;
  size_t depth_ = 0;  // of parse() calls
  std::vector<CalledName> called_names_;
};

}  // namespace tern::runtime::jinja

#include "runtime/jinja/parse/expression_parser.h"

#include <algorithm>

#include "runtime/jinja/library/functions.h"
#include "runtime/jinja/parse/expression_node.h"

namespace tern::runtime::jinja {
namespace {

const std::optional<BinaryOperator> no_operator;

std::optional<BinaryOperator> product_operator(const TokenCursor& cursor) {
  if (cursor.at_symbol("*")) return BinaryOperator::multiply;
  if (cursor.at_symbol("/")) return BinaryOperator::divide;
  if (cursor.at_symbol("//")) return BinaryOperator::floor_divide;
  if (cursor.at_symbol("%")) return BinaryOperator::modulo;
  return no_operator;
}

// Reads a comparison operator if one stands there.
std::optional<Comparison> take_comparison(TokenCursor& cursor) {
  constexpr std::pair<std::string_view, Comparison> table[] = {
      {"==", Comparison::equal},      {"!=", Comparison::not_equal}, {"<", Comparison::less},
      {"<=", Comparison::less_equal}, {">", Comparison::greater},    {">=", Comparison::greater_equal}};
  for (const auto& [symbol, comparison] : table) {
    if (cursor.take_symbol(symbol)) return comparison;
  }
  if (cursor.take_name("in")) return Comparison::in;
  if (cursor.at_name("not") && cursor.at_name("in", 1)) {
    cursor.next();
    cursor.next();
    return Comparison::not_in;
  }
  return std::nullopt;
}

}  // namespace

Expected<ExpressionPtr> ExpressionParser::parse(bool tuples) {
  const size_t begin = cursor_.peek().offset;
  if (++depth_ > max_syntax_depth / 4) return cursor_.fail_at(begin, "this expression has too many levels");
  TERN_ASSIGN(ExpressionPtr value, parse_without_condition());
  while (cursor_.take_name("if")) {
    Conditional conditional;
    conditional.value = std::move(value);
    TERN_ASSIGN(conditional.condition, parse_or());
    if (cursor_.take_name("else")) {
      TERN_ASSIGN(conditional.otherwise, parse());
    }
    TERN_ASSIGN(value, make(begin, std::move(conditional)));
  }
  if (tuples && cursor_.at_symbol(",")) {
    ListLiteral tuple{{}, true};
    tuple.items.push_back(std::move(value));
    while (cursor_.take_symbol(",")) {
      if (cursor_.at_symbol(")") || cursor_.at(TokenKind::statement_end) ||
          cursor_.at(TokenKind::expression_end))
        break;
      TERN_ASSIGN(ExpressionPtr item, parse());
      tuple.items.push_back(std::move(item));
    }
    TERN_ASSIGN(value, make(begin, std::move(tuple)));
  }
  --depth_;
  return value;
}

Expected<ExpressionPtr> ExpressionParser::parse_without_condition() {
  return parse_or();
}

Expected<ExpressionPtr> ExpressionParser::parse_or() {
  const size_t begin = cursor_.peek().offset;
  TERN_ASSIGN(ExpressionPtr left, parse_and());
  while (cursor_.take_name("or")) {
    TERN_ASSIGN(ExpressionPtr right, parse_and());
    TERN_ASSIGN(left, make(begin, Logical{LogicalOperator::logical_or, std::move(left), std::move(right)}));
  }
  return left;
}

Expected<ExpressionPtr> ExpressionParser::parse_and() {
  const size_t begin = cursor_.peek().offset;
  TERN_ASSIGN(ExpressionPtr left, parse_not());
  while (cursor_.take_name("and")) {
    TERN_ASSIGN(ExpressionPtr right, parse_not());
    TERN_ASSIGN(left, make(begin, Logical{LogicalOperator::logical_and, std::move(left), std::move(right)}));
  }
  return left;
}

Expected<ExpressionPtr> ExpressionParser::parse_not() {
  const size_t begin = cursor_.peek().offset;
  size_t count = 0;
  while (cursor_.at_name("not") && !cursor_.at_name("in", 1)) {
    cursor_.next();
    ++count;
  }
  TERN_ASSIGN(ExpressionPtr value, parse_comparison());
  for (; count > 0; --count) {
    TERN_ASSIGN(value, make(begin, Unary{UnaryOperator::logical_not, std::move(value)}));
  }
  return value;
}

Expected<ExpressionPtr> ExpressionParser::parse_comparison() {
  const size_t begin = cursor_.peek().offset;
  TERN_ASSIGN(ExpressionPtr first, parse_sum());
  Compare compare;
  while (const std::optional<Comparison> comparison = take_comparison(cursor_)) {
    TERN_ASSIGN(ExpressionPtr operand, parse_sum());
    compare.rest.emplace_back(*comparison, std::move(operand));
  }
  if (compare.rest.empty()) return first;
  compare.first = std::move(first);
  return make(begin, std::move(compare));
}

Expected<ExpressionPtr> ExpressionParser::parse_sum() {
  const size_t begin = cursor_.peek().offset;
  TERN_ASSIGN(ExpressionPtr left, parse_concatenation());
  while (cursor_.at_symbol("+") || cursor_.at_symbol("-")) {
    const BinaryOperator op = cursor_.next().text == "+" ? BinaryOperator::add : BinaryOperator::subtract;
    TERN_ASSIGN(ExpressionPtr right, parse_concatenation());
    TERN_ASSIGN(left, make(begin, Binary{op, std::move(left), std::move(right)}));
  }
  return left;
}

Expected<ExpressionPtr> ExpressionParser::parse_concatenation() {
  const size_t begin = cursor_.peek().offset;
  TERN_ASSIGN(ExpressionPtr left, parse_product());
  while (cursor_.take_symbol("~")) {
    TERN_ASSIGN(ExpressionPtr right, parse_product());
    TERN_ASSIGN(left, make(begin, Binary{BinaryOperator::concatenate, std::move(left), std::move(right)}));
  }
  return left;
}

Expected<ExpressionPtr> ExpressionParser::parse_product() {
  const size_t begin = cursor_.peek().offset;
  TERN_ASSIGN(ExpressionPtr left, parse_power());
  while (const std::optional<BinaryOperator> op = product_operator(cursor_)) {
    cursor_.next();
    TERN_ASSIGN(ExpressionPtr right, parse_power());
    TERN_ASSIGN(left, make(begin, Binary{*op, std::move(left), std::move(right)}));
  }
  return left;
}

Expected<ExpressionPtr> ExpressionParser::parse_power() {
  const size_t begin = cursor_.peek().offset;
  TERN_ASSIGN(ExpressionPtr left, parse_sign(true));
  while (cursor_.take_symbol("**")) {
    TERN_ASSIGN(ExpressionPtr right, parse_sign(true));
    TERN_ASSIGN(left, make(begin, Binary{BinaryOperator::power, std::move(left), std::move(right)}));
  }
  return left;
}

Expected<ExpressionPtr> ExpressionParser::parse_sign(bool with_filters) {
  const size_t begin = cursor_.peek().offset;
  ExpressionPtr value;
  if (cursor_.at_symbol("-") || cursor_.at_symbol("+")) {
    if (++depth_ > max_syntax_depth / 4) return cursor_.fail_at(begin, "this expression has too many levels");
    const UnaryOperator op = cursor_.next().text == "-" ? UnaryOperator::negate : UnaryOperator::plus;
    TERN_ASSIGN(ExpressionPtr operand, parse_sign(false));
    --depth_;
    TERN_ASSIGN(value, make(begin, Unary{op, std::move(operand)}));
  } else {
    TERN_ASSIGN(value, parse_primary());
    TERN_ASSIGN(value, parse_postfix(std::move(value)));
  }
  if (!with_filters) return value;
  return parse_filters_and_tests(std::move(value));
}

Expected<ExpressionPtr> ExpressionParser::parse_primary() {
  const Token& token = cursor_.peek();
  const size_t begin = token.offset;
  switch (token.kind) {
    case TokenKind::name: {
      const std::string name = cursor_.next().text;
      if (name == "true" || name == "True") return make(begin, Literal{Value::boolean(true)});
      if (name == "false" || name == "False") return make(begin, Literal{Value::boolean(false)});
      if (name == "none" || name == "None") return make(begin, Literal{Value::none()});
      for (const std::string_view word : {"if", "else", "and", "or", "not", "in", "is", "recursive"}) {
        if (name == word) return cursor_.fail_at(begin, fmt::format("'{}' is no value", name));
      }
      return make(begin, Name{name});
    }
    case TokenKind::string: {
      std::string text = cursor_.next().text;
      while (cursor_.at(TokenKind::string)) text += cursor_.next().text;
      return make(begin, Literal{Value::string(std::move(text))});
    }
    case TokenKind::integer: return make(begin, Literal{Value::integer(cursor_.next().integer)});
    case TokenKind::real: return make(begin, Literal{Value::real(cursor_.next().real)});
    case TokenKind::symbol:
      if (token.text == "(") return parse_parenthesis();
      if (token.text == "[") return parse_list();
      if (token.text == "{") return parse_dict();
      break;
    case TokenKind::text:
    case TokenKind::expression_begin:
    case TokenKind::expression_end:
    case TokenKind::statement_begin:
    case TokenKind::statement_end:
    case TokenKind::end: break;
  }
  return cursor_.unexpected("a value");
}

Expected<ExpressionPtr> ExpressionParser::parse_parenthesis() {
  const size_t begin = cursor_.next().offset;
  if (cursor_.take_symbol(")")) return make(begin, ListLiteral{{}, true});
  TERN_ASSIGN(ExpressionPtr value, parse(true));
  TERN_TRY(cursor_.expect_symbol(")"));
  return value;
}

Expected<ExpressionPtr> ExpressionParser::parse_list() {
  const size_t begin = cursor_.next().offset;
  ListLiteral list;
  while (!cursor_.at_symbol("]")) {
    TERN_ASSIGN(ExpressionPtr item, parse());
    list.items.push_back(std::move(item));
    if (!cursor_.take_symbol(",")) break;
  }
  TERN_TRY(cursor_.expect_symbol("]"));
  return make(begin, std::move(list));
}

Expected<ExpressionPtr> ExpressionParser::parse_dict() {
  const size_t begin = cursor_.next().offset;
  DictLiteral dict;
  while (!cursor_.at_symbol("}")) {
    TERN_ASSIGN(ExpressionPtr key, parse());
    TERN_TRY(cursor_.expect_symbol(":"));
    TERN_ASSIGN(ExpressionPtr value, parse());
    dict.items.emplace_back(std::move(key), std::move(value));
    if (!cursor_.take_symbol(",")) break;
  }
  TERN_TRY(cursor_.expect_symbol("}"));
  return make(begin, std::move(dict));
}

Expected<ExpressionPtr> ExpressionParser::parse_postfix(ExpressionPtr value) {
  while (true) {
    if (cursor_.at_symbol(".")) {
      TERN_ASSIGN(value, parse_attribute(std::move(value)));
    } else if (cursor_.at_symbol("[")) {
      TERN_ASSIGN(value, parse_subscript(std::move(value)));
    } else if (cursor_.at_symbol("(")) {
      TERN_ASSIGN(value, parse_call(std::move(value)));
    } else {
      return value;
    }
  }
}

Expected<ExpressionPtr> ExpressionParser::parse_subscript(ExpressionPtr object) {
  const size_t begin = object->begin;
  cursor_.next();
  ExpressionPtr parts[3];
  size_t count = 0;
  bool is_slice = false;
  while (!cursor_.at_symbol("]")) {
    if (cursor_.take_symbol(":")) {
      is_slice = true;
      if (++count > 2) return cursor_.unexpected("']'");
      continue;
    }
    if (parts[count]) return cursor_.unexpected("']'");
    TERN_ASSIGN(parts[count], parse());
  }
  TERN_TRY(cursor_.expect_symbol("]"));
  if (is_slice)
    return make(begin,
                Slice{std::move(object), std::move(parts[0]), std::move(parts[1]), std::move(parts[2])});
  if (!parts[0]) return cursor_.fail_at(begin, "an index is missing between [ and ]");
  return make(begin, Item{std::move(object), std::move(parts[0])});
}

}  // namespace tern::runtime::jinja

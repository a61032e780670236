// What follows a value: attributes, calls, filters and tests, with their arguments.
#include <algorithm>

#include "runtime/jinja/library/filters.h"
#include "runtime/jinja/library/functions.h"
#include "runtime/jinja/library/methods.h"
#include "runtime/jinja/library/tests.h"
#include "runtime/jinja/parse/expression_node.h"
#include "runtime/jinja/parse/expression_parser.h"

namespace tern::runtime::jinja {
namespace {

std::optional<EachKind> each_kind(std::string_view filter) {
  if (filter == "map") return EachKind::map;
  if (filter == "select" || filter == "selectattr") return EachKind::select;
  if (filter == "reject" || filter == "rejectattr") return EachKind::reject;
  return std::nullopt;
}

// The text of an argument that must be written as a string; null for others.
const std::string* written_string(const ExpressionPtr& argument) {
  const auto* literal = std::get_if<Literal>(&argument->node);
  return literal != nullptr && literal->value.is(Kind::string) ? &literal->value.as_string() : nullptr;
}

// Takes the first argument away.
ExpressionPtr take_first(CallArguments& arguments) {
  ExpressionPtr first = std::move(arguments.positional.front());
  arguments.positional.erase(arguments.positional.begin());
  return first;
}

}  // namespace

Expected<ExpressionPtr> ExpressionParser::parse_attribute(ExpressionPtr object) {
  const size_t begin = object->begin;
  cursor_.next();
  const size_t offset = cursor_.peek().offset;
  if (cursor_.at(TokenKind::integer)) {
    TERN_ASSIGN(ExpressionPtr key, make(offset, Literal{Value::integer(cursor_.next().integer)}));
    return make(begin, Item{std::move(object), std::move(key)});
  }
  TERN_ASSIGN(std::string name, cursor_.expect_name("the name of an attribute"));
  if (name.starts_with('_'))
    return cursor_.fail_at(offset, fmt::format("attribute '{}' is not allowed", name));
  if (!cursor_.at_symbol("(")) return make(begin, Attribute{std::move(object), std::move(name)});
  const MethodEntry* method = find_method(name);
  if (method == nullptr) return cursor_.fail_at(offset, fmt::format("there is no method '{}'", name));
  TERN_ASSIGN(CallArguments given, parse_arguments());
  TERN_ASSIGN(BoundArguments arguments, bind(method->signature, "method", std::move(given), offset));
  return make(begin, MethodCall{std::move(object), method, std::move(arguments)});
}

Expected<ExpressionPtr> ExpressionParser::parse_call(ExpressionPtr callee) {
  const size_t begin = callee->begin;
  const auto* named = std::get_if<Name>(&callee->node);
  if (named == nullptr) return cursor_.fail_at(begin, "only functions, macros and methods can be called");
  std::string name = named->name;
  TERN_ASSIGN(CallArguments given, parse_arguments());
  if (const FunctionEntry* function = find_function(name)) {
    TERN_ASSIGN(BoundArguments arguments, bind(function->signature, "function", std::move(given), begin));
    return make(begin, FunctionCall{function, std::move(arguments)});
  }
  called_names_.push_back({name, begin});
  return make(begin, Call{std::move(name), std::move(given)});
}

Expected<CallArguments> ExpressionParser::parse_arguments() {
  CallArguments arguments;
  TERN_TRY(cursor_.expect_symbol("("));
  while (!cursor_.at_symbol(")")) {
    const size_t offset = cursor_.peek().offset;
    if (cursor_.at_symbol("*") || cursor_.at_symbol("**"))
      return cursor_.fail_at(offset, "* and ** in arguments are not supported");
    const bool named = cursor_.at(TokenKind::name) && cursor_.peek(1).kind == TokenKind::symbol &&
                       cursor_.peek(1).text == "=";
    std::string name;
    if (named) {
      name = cursor_.next().text;
      cursor_.next();
    } else if (!arguments.named.empty()) {
      return cursor_.fail_at(offset, "an argument without a name follows one with a name");
    }
    TERN_ASSIGN(ExpressionPtr value, parse());
    if (named) {
      const auto same = [&](const auto& other) { return other.first == name; };
      if (std::any_of(arguments.named.begin(), arguments.named.end(), same))
        return cursor_.fail_at(offset, fmt::format("argument '{}' is given twice", name));
      arguments.named.emplace_back(std::move(name), std::move(value));
    } else {
      arguments.positional.push_back(std::move(value));
    }
    if (!cursor_.take_symbol(",")) break;
  }
  TERN_TRY(cursor_.expect_symbol(")"));
  return arguments;
}

Expected<BoundArguments> ExpressionParser::bind(const Signature& signature, std::string_view what,
                                                CallArguments arguments, size_t offset) const {
  const std::string callee = fmt::format("{} '{}'", what, signature.name);
  BoundArguments bound(signature.parameters.size());
  if (arguments.positional.size() > bound.size())
    return cursor_.fail_at(offset, fmt::format("{} takes {} arguments here, not {}", callee, bound.size(),
                                               arguments.positional.size()));
  std::move(arguments.positional.begin(), arguments.positional.end(), bound.begin());
  for (auto& [name, value] : arguments.named) {
    const auto found = std::find(signature.parameters.begin(), signature.parameters.end(), name);
    if (found == signature.parameters.end())
      return cursor_.fail_at(offset, fmt::format("{} has no argument '{}'", callee, name));
    ExpressionPtr& place = bound[static_cast<size_t>(found - signature.parameters.begin())];
    if (place) return cursor_.fail_at(offset, fmt::format("argument '{}' is given twice", name));
    place = std::move(value);
  }
  for (size_t i = 0; i < signature.required; ++i) {
    if (!bound[i])
      return cursor_.fail_at(offset,
                             fmt::format("{} lacks its argument '{}'", callee, signature.parameters[i]));
  }
  return bound;
}

Expected<ExpressionPtr> ExpressionParser::parse_filters_and_tests(ExpressionPtr value) {
  while (true) {
    if (cursor_.take_symbol("|")) {
      TERN_ASSIGN(value, parse_filter(std::move(value)));
    } else if (cursor_.take_name("is")) {
      TERN_ASSIGN(value, parse_test(std::move(value)));
    } else {
      return value;
    }
  }
}

Expected<FilterStep> ExpressionParser::parse_filter_step() {
  const size_t offset = cursor_.peek().offset;
  TERN_ASSIGN(const std::string name, cursor_.expect_name("the name of a filter"));
  const FilterEntry* filter = find_filter(name);
  if (filter == nullptr) return cursor_.fail_at(offset, fmt::format("there is no filter '{}' here", name));
  CallArguments given;
  if (cursor_.at_symbol("(")) {
    TERN_ASSIGN(given, parse_arguments());
  }
  TERN_ASSIGN(BoundArguments arguments, bind(filter->signature, "filter", std::move(given), offset));
  return FilterStep{filter, std::move(arguments)};
}

Expected<ExpressionPtr> ExpressionParser::parse_filter(ExpressionPtr subject) {
  const Token& token = cursor_.peek();
  if (token.kind == TokenKind::name && each_kind(token.text)) {
    const std::string name = cursor_.next().text;
    CallArguments given;
    if (cursor_.at_symbol("(")) {
      TERN_ASSIGN(given, parse_arguments());
    }
    return make_each(std::move(subject), name, std::move(given), token.offset);
  }
  const size_t begin = subject->begin;
  if (cursor_.at_name("format")) return parse_format(std::move(subject));
  TERN_ASSIGN(FilterStep step, parse_filter_step());
  return make(begin, Filter{std::move(subject), step.entry, std::move(step.arguments)});
}

// text|format(a, b) is text % (a, b), and text|format(a=1) is text % {'a': 1}.
Expected<ExpressionPtr> ExpressionParser::parse_format(ExpressionPtr subject) {
  const size_t begin = subject->begin, offset = cursor_.next().offset;
  CallArguments given;
  if (cursor_.at_symbol("(")) {
    TERN_ASSIGN(given, parse_arguments());
  }
  if (!given.positional.empty() && !given.named.empty())
    return cursor_.fail_at(offset,
                           "filter 'format' takes arguments with names, or such without, but not both");
  const FilterEntry* to_string = find_filter("string");
  TERN_ASSIGN(ExpressionPtr text, make(begin, Filter{std::move(subject), to_string, {}}));
  ExpressionPtr values;
  if (given.named.empty()) {
    TERN_ASSIGN(values, make(offset, ListLiteral{std::move(given.positional), true}));
  } else {
    DictLiteral dict;
    for (auto& [name, value] : given.named) {
      TERN_ASSIGN(ExpressionPtr key, make(offset, Literal{Value::string(name)}));
      dict.items.emplace_back(std::move(key), std::move(value));
    }
    TERN_ASSIGN(values, make(offset, std::move(dict)));
  }
  return make(begin, Binary{BinaryOperator::modulo, std::move(text), std::move(values)});
}

Expected<ExpressionPtr> ExpressionParser::make_each(ExpressionPtr subject, const std::string& name,
                                                    CallArguments given, size_t offset) {
  Each each;
  each.kind = *each_kind(name);
  const size_t begin = subject->begin;
  each.subject = std::move(subject);
  const auto refuse = [&](std::string why) { return cursor_.fail_at(offset, std::move(why)); };
  if (name == "map" && given.positional.empty()) {
    for (auto& [parameter, value] : given.named) {
      if (parameter != "attribute" && parameter != "default")
        return refuse(fmt::format("filter 'map' has no argument '{}'", parameter));
      (parameter == "attribute" ? each.attribute : each.otherwise) = std::move(value);
    }
    if (!each.attribute) return refuse("filter 'map' needs a filter's name or 'attribute'");
    return make(begin, std::move(each));
  }
  if (name.ends_with("attr")) {
    if (given.positional.empty()) return refuse(fmt::format("filter '{}' needs an attribute", name));
    each.attribute = take_first(given);
  }
  if (!given.positional.empty()) {
    const ExpressionPtr first = take_first(given);
    const std::string* entry = written_string(first);
    if (entry == nullptr) return refuse(fmt::format("filter '{}' needs a name that is written out", name));
    each.filter = each.kind == EachKind::map ? find_filter(*entry) : nullptr;
    each.test = each.kind != EachKind::map ? find_test(*entry) : nullptr;
    if (each.filter == nullptr && each.test == nullptr)
      return refuse(fmt::format("there is no {} '{}' for '{}'",
                                each.kind == EachKind::map ? "filter" : "test", *entry, name));
    const Signature& signature = each.filter != nullptr ? each.filter->signature : each.test->signature;
    const std::string_view what = each.filter != nullptr ? "filter" : "test";
    TERN_ASSIGN(each.arguments, bind(signature, what, std::move(given), offset));
  } else if (!given.named.empty()) {
    return refuse(fmt::format("filter '{}' has no argument '{}'", name, given.named[0].first));
  }
  return make(begin, std::move(each));
}

Expected<ExpressionPtr> ExpressionParser::parse_test(ExpressionPtr subject) {
  const bool negated = cursor_.take_name("not");
  const size_t begin = subject->begin, offset = cursor_.peek().offset;
  TERN_ASSIGN(const std::string name, cursor_.expect_name("the name of a test"));
  const TestEntry* test = find_test(name);
  if (test == nullptr) return cursor_.fail_at(offset, fmt::format("there is no test '{}'", name));
  CallArguments given;
  if (!test->signature.parameters.empty() && !cursor_.at_symbol("(")) {
    // "x is divisibleby 3": the argument needs no brackets.
    TERN_ASSIGN(ExpressionPtr argument, parse_sign(false));
    given.positional.push_back(std::move(argument));
  } else if (cursor_.at_symbol("(")) {
    TERN_ASSIGN(given, parse_arguments());
  }
  TERN_ASSIGN(BoundArguments arguments, bind(test->signature, "test", std::move(given), offset));
  return make(begin, Test{std::move(subject), test, std::move(arguments), negated});
}

}  // namespace tern::runtime::jinja

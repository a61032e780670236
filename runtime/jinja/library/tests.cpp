#include "runtime/jinja/library/tests.h"

#include <fmt/format.h>

#include "runtime/jinja/values/operators.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::runtime::jinja {
namespace {

// A test of the kind alone.
template <Kind kind>
Expected<bool> is_kind(const Value& value, Arguments, const Context&) {
  return value.is(kind);
}

template <bool truth>
Expected<bool> is_boolean_of(const Value& value, Arguments, const Context&) {
  return value.is(Kind::boolean) && value.as_boolean() == truth;
}

Expected<bool> is_defined(const Value& value, Arguments, const Context&) {
  return !value.is(Kind::undefined);
}

Expected<bool> is_number(const Value& value, Arguments, const Context&) {
  return value.is_number() || value.is(Kind::boolean);  // Python's booleans are integers
}

// What a loop can go through. Undefined is such a value in Jinja2.
Expected<bool> is_iterable(const Value& value, Arguments, const Context&) {
  return value.is(Kind::list) || value.is(Kind::string) || value.is(Kind::dict) || value.is(Kind::undefined);
}

// What has a length and items.
Expected<bool> is_sequence(const Value& value, Arguments, const Context&) {
  return value.is(Kind::list) || value.is(Kind::string) || value.is(Kind::dict) || value.is(Kind::undefined);
}

template <int rest>
Expected<bool> is_parity(const Value& value, Arguments, const Context&) {
  if (!value.is(Kind::integer)) return fail(fmt::format("{} is neither odd nor even", name_of(value.kind())));
  return (value.as_integer() & 1) == rest;
}

const Signature divisible_signature{"divisibleby", {"num"}, 1};

Expected<bool> is_divisible(const Value& value, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const int64_t divisor, integer_argument(arguments, 0, divisible_signature));
  TERN_ASSIGN(const Value rest,
              binary(BinaryOperator::modulo, value, Value::integer(divisor), context.budget));
  return !rest.truth();
}

template <Comparison comparison>
Expected<bool> compares(const Value& value, Arguments arguments, const Context& context) {
  return compare(comparison, value, *arguments[0], context.budget);
}

template <bool upper>
Expected<bool> is_case(const Value& value, Arguments, const Context& context) {
  if (!value.is(Kind::string)) return false;
  const std::string& text = value.as_string();
  if (!context.budget.make(text.size())) return context.budget.error();
  const std::string same = upper ? to_upper(text) : to_lower(text);
  return same == text && (upper ? to_lower(text) : to_upper(text)) != text;
}

}  // namespace

std::span<const TestEntry> tests() {
  static const TestEntry table[] = {
      {{"defined", {}, 0}, is_defined},
      {{"undefined", {}, 0}, is_kind<Kind::undefined>},
      {{"none", {}, 0}, is_kind<Kind::none>},
      {{"boolean", {}, 0}, is_kind<Kind::boolean>},
      {{"true", {}, 0}, is_boolean_of<true>},
      {{"false", {}, 0}, is_boolean_of<false>},
      {{"integer", {}, 0}, is_kind<Kind::integer>},
      {{"float", {}, 0}, is_kind<Kind::real>},
      {{"number", {}, 0}, is_number},
      {{"string", {}, 0}, is_kind<Kind::string>},
      {{"mapping", {}, 0}, is_kind<Kind::dict>},
      {{"iterable", {}, 0}, is_iterable},
      {{"sequence", {}, 0}, is_sequence},
      {{"callable", {}, 0}, is_kind<Kind::callable>},
      {{"odd", {}, 0}, is_parity<1>},
      {{"even", {}, 0}, is_parity<0>},
      {divisible_signature, is_divisible},
      {{"lower", {}, 0}, is_case<false>},
      {{"upper", {}, 0}, is_case<true>},
      {{"in", {"seq"}, 1}, compares<Comparison::in>},
      {{"equalto", {"other"}, 1}, compares<Comparison::equal>},
      {{"eq", {"other"}, 1}, compares<Comparison::equal>},
      {{"==", {"other"}, 1}, compares<Comparison::equal>},
      {{"ne", {"other"}, 1}, compares<Comparison::not_equal>},
      {{"!=", {"other"}, 1}, compares<Comparison::not_equal>},
      {{"lt", {"other"}, 1}, compares<Comparison::less>},
      {{"lessthan", {"other"}, 1}, compares<Comparison::less>},
      {{"<", {"other"}, 1}, compares<Comparison::less>},
      {{"le", {"other"}, 1}, compares<Comparison::less_equal>},
      {{"<=", {"other"}, 1}, compares<Comparison::less_equal>},
      {{"gt", {"other"}, 1}, compares<Comparison::greater>},
      {{"greaterthan", {"other"}, 1}, compares<Comparison::greater>},
      {{">", {"other"}, 1}, compares<Comparison::greater>},
      {{"ge", {"other"}, 1}, compares<Comparison::greater_equal>},
      {{">=", {"other"}, 1}, compares<Comparison::greater_equal>},
  };
  return table;
}

const TestEntry* find_test(std::string_view name) {
  for (const TestEntry& entry : tests()) {
    if (entry.signature.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace tern::runtime::jinja

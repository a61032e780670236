#include "runtime/jinja/values/operators.h"

#include <fmt/format.h>

#include <cmath>

#include "runtime/jinja/values/format_text.h"
#include "runtime/jinja/values/unicode.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

std::string_view symbol_of(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::add: return "+";
    case BinaryOperator::subtract: return "-";
    case BinaryOperator::multiply: return "*";
    case BinaryOperator::divide: return "/";
    case BinaryOperator::floor_divide: return "//";
    case BinaryOperator::modulo: return "%";
    case BinaryOperator::power: return "**";
    case BinaryOperator::concatenate: return "~";
  }
  return "";
}

Error does_not_fit(std::string_view symbol, const Value& left, const Value& right) {
  return fail(fmt::format("'{}' is not possible between {} and {}", symbol, name_of(left.kind()),
                          name_of(right.kind())));
}

// Python counts booleans as 0 and 1.
std::optional<int64_t> as_whole(const Value& value) {
  if (value.is(Kind::integer)) return value.as_integer();
  if (value.is(Kind::boolean)) return int64_t{value.as_boolean()};
  return std::nullopt;
}

std::optional<double> as_number(const Value& value) {
  if (value.is(Kind::real)) return value.as_real();
  const std::optional<int64_t> whole = as_whole(value);
  return whole ? std::optional(static_cast<double>(*whole)) : std::nullopt;
}

Result whole_result(bool overflow, int64_t value) {
  if (overflow) return fail("an integer is beyond 64 bits");
  return Value::integer(value);
}

Result whole_power(int64_t base, int64_t exponent) {
  if (exponent < 0) return Value::real(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  int64_t value = 1;
  // Beyond 64 factors only 0, 1 and -1 stay within 64 bits.
  if (exponent > 64) {
    if (base != 0 && base != 1 && base != -1) return whole_result(true, 0);
    exponent = base == -1 ? exponent % 2 : 1;
  }
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(value, base, &value)) return whole_result(true, 0);
  }
  return Value::integer(value);
}

// Floor division and its rest, whose sign is the divisor's.
Result whole_division(BinaryOperator op, int64_t left, int64_t right) {
  if (right == 0) return fail("division by zero");
  if (right == -1) {
    int64_t negated = 0;
    const bool overflow = __builtin_sub_overflow(int64_t{0}, left, &negated);
    return op == BinaryOperator::modulo ? Value::integer(0) : whole_result(overflow, negated);
  }
  int64_t quotient = left / right, rest = left % right;
  if (rest != 0 && (rest < 0) != (right < 0)) --quotient, rest += right;
  return Value::integer(op == BinaryOperator::modulo ? rest : quotient);
}

Result whole_arithmetic(BinaryOperator op, int64_t left, int64_t right) {
  int64_t value = 0;
  bool overflow = false;
  switch (op) {
    case BinaryOperator::add: overflow = __builtin_add_overflow(left, right, &value); break;
    case BinaryOperator::subtract: overflow = __builtin_sub_overflow(left, right, &value); break;
    case BinaryOperator::multiply: overflow = __builtin_mul_overflow(left, right, &value); break;
    case BinaryOperator::divide:
      if (right == 0) return fail("division by zero");
      return Value::real(static_cast<double>(left) / static_cast<double>(right));
    case BinaryOperator::floor_divide:
    case BinaryOperator::modulo: return whole_division(op, left, right);
    case BinaryOperator::power: return whole_power(left, right);
    case BinaryOperator::concatenate: return fail("no arithmetic");
  }
  return whole_result(overflow, value);
}

Result real_arithmetic(BinaryOperator op, double left, double right) {
  const bool divides =
      op == BinaryOperator::divide || op == BinaryOperator::floor_divide || op == BinaryOperator::modulo;
  if (divides && right == 0) return fail("division by zero");
  switch (op) {
    case BinaryOperator::add: return Value::real(left + right);
    case BinaryOperator::subtract: return Value::real(left - right);
    case BinaryOperator::multiply: return Value::real(left * right);
    case BinaryOperator::divide: return Value::real(left / right);
    case BinaryOperator::floor_divide: return Value::real(std::floor(left / right));
    case BinaryOperator::modulo: {
      const double rest = std::fmod(left, right);
      return Value::real(rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest);
    }
    case BinaryOperator::power: {
      const double value = std::pow(left, right);
      if (!std::isfinite(value)) return fail("the power is no finite number");
      return Value::real(value);
    }
    case BinaryOperator::concatenate: break;
  }
  return fail("no arithmetic");
}

Result repeated(const Value& value, int64_t times, Budget& budget) {
  const size_t count = times < 0 ? 0 : static_cast<size_t>(times);
  if (value.is(Kind::string)) {
    const std::string& part = value.as_string();
    if (!part.empty() && (count > SIZE_MAX / part.size() || !budget.make(count * part.size())))
      return budget.spent() ? budget.error() : fail("a string is too long");
    std::string text;
    for (size_t i = 0; i < count && !part.empty(); ++i) text += part;
    return Value::string(std::move(text));
  }
  const List& list = *value.as_list();
  const size_t size = list.items.size() * sizeof(Value);
  if (size != 0 && (count > SIZE_MAX / size || !budget.make(count * size)))
    return budget.spent() ? budget.error() : fail("a list is too long");
  std::vector<Value> items;
  for (size_t i = 0; i < count && size != 0; ++i)
    items.insert(items.end(), list.items.begin(), list.items.end());
  return Value::list(std::move(items), list.tuple);
}

Result joined(const Value& left, const Value& right, Budget& budget) {
  if (left.is(Kind::string)) {
    if (!budget.make(left.as_string().size() + right.as_string().size())) return budget.error();
    return Value::string(left.as_string() + right.as_string());
  }
  const List &a = *left.as_list(), &b = *right.as_list();
  if (!budget.make((a.items.size() + b.items.size()) * sizeof(Value))) return budget.error();
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return Value::list(std::move(items), a.tuple);
}

}  // namespace

Result binary(BinaryOperator op, const Value& left, const Value& right, Budget& budget) {
  if (op == BinaryOperator::concatenate) {
    std::string text = to_text(left, budget);
    text += to_text(right, budget);
    if (budget.spent()) return budget.error();
    return Value::string(std::move(text));
  }
  const bool texts = left.is(Kind::string) && right.is(Kind::string);
  const bool lists =
      left.is(Kind::list) && right.is(Kind::list) && left.as_list()->tuple == right.as_list()->tuple;
  if (op == BinaryOperator::add && (texts || lists)) return joined(left, right, budget);
  if (op == BinaryOperator::modulo && left.is(Kind::string))
    return format_text(left.as_string(), right, budget);
  const std::optional<int64_t> whole_left = as_whole(left), whole_right = as_whole(right);
  if (op == BinaryOperator::multiply) {
    if ((left.is(Kind::string) || left.is(Kind::list)) && whole_right)
      return repeated(left, *whole_right, budget);
    if ((right.is(Kind::string) || right.is(Kind::list)) && whole_left)
      return repeated(right, *whole_left, budget);
  }
  if (whole_left && whole_right) return whole_arithmetic(op, *whole_left, *whole_right);
  const std::optional<double> real_left = as_number(left), real_right = as_number(right);
  if (real_left && real_right) return real_arithmetic(op, *real_left, *real_right);
  return does_not_fit(symbol_of(op), left, right);
}

Result negative(const Value& value) {
  if (value.is(Kind::real)) return Value::real(-value.as_real());
  if (const std::optional<int64_t> whole = as_whole(value))
    return whole_arithmetic(BinaryOperator::subtract, 0, *whole);
  return fail(fmt::format("{} has no negative", name_of(value.kind())));
}

bool equal(const Value& left, const Value& right, Budget& budget) {
  if (!budget.step()) return false;
  const std::optional<int64_t> whole_left = as_whole(left), whole_right = as_whole(right);
  if (whole_left && whole_right) return *whole_left == *whole_right;
  const std::optional<double> a = as_number(left), b = as_number(right);
  if (a && b) return *a == *b;
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::undefined:
    case Kind::none: return true;
    case Kind::boolean:
    case Kind::integer:
    case Kind::real: return false;  // answered above
    case Kind::string:
      return left.as_string().size() == right.as_string().size() && budget.read(left.as_string().size()) &&
             left.as_string() == right.as_string();
    case Kind::list: {
      const List &x = *left.as_list(), &y = *right.as_list();
      if (x.items.size() != y.items.size() || x.tuple != y.tuple) return false;
      for (size_t i = 0; i < x.items.size(); ++i) {
        if (!equal(x.items[i], y.items[i], budget)) return false;
      }
      return true;
    }
    case Kind::dict: {
      const Dict &x = left.as_dict(), &y = right.as_dict();
      if (x.items().size() != y.items().size()) return false;
      for (const auto& [key, value] : x.items()) {
        const Value* other = y.find(key);
        if (other == nullptr || !equal(value, *other, budget)) return false;
      }
      return true;
    }
    case Kind::name_space: return &left.as_namespace() == &right.as_namespace();
    case Kind::loop: return &left.as_loop() == &right.as_loop();
    case Kind::callable:
      return left.as_callable().macro == right.as_callable().macro &&
             left.as_callable().function == right.as_callable().function;
  }
  return false;
}

Expected<int> order(const Value& left, const Value& right, Budget& budget, bool fold_case) {
  if (!budget.step()) return budget.error();
  const std::optional<int64_t> whole_left = as_whole(left), whole_right = as_whole(right);
  if (whole_left && whole_right) return *whole_left < *whole_right ? -1 : *whole_left > *whole_right ? 1 : 0;
  const std::optional<double> a = as_number(left), b = as_number(right);
  if (a && b) return *a < *b ? -1 : *a > *b ? 1 : 0;
  if (left.is(Kind::string) && right.is(Kind::string)) {
    if (!budget.read(left.as_string().size() + right.as_string().size())) return budget.error();
    // UTF-8 sorts as its code points do.
    return fold_case ? to_lower(left.as_string()).compare(to_lower(right.as_string()))
                     : left.as_string().compare(right.as_string());
  }
  if (left.is(Kind::list) && right.is(Kind::list)) {
    const List &x = *left.as_list(), &y = *right.as_list();
    for (size_t i = 0; i < std::min(x.items.size(), y.items.size()); ++i) {
      TERN_ASSIGN(const int sign, order(x.items[i], y.items[i], budget, fold_case));
      if (sign != 0) return sign;
    }
    return x.items.size() < y.items.size() ? -1 : x.items.size() > y.items.size() ? 1 : 0;
  }
  return does_not_fit("<", left, right);
}

namespace {

Expected<bool> contains(const Value& container, const Value& item, Budget& budget) {
  switch (container.kind()) {
    case Kind::undefined: return false;
    case Kind::string:
      if (!item.is(Kind::string)) return does_not_fit("in", item, container);
      if (!budget.read(container.as_string().size())) return budget.error();
      return container.as_string().find(item.as_string()) != std::string::npos;
    case Kind::list:
      for (const Value& other : container.as_list()->items) {
        if (equal(item, other, budget)) return true;
        if (budget.spent()) return budget.error();
      }
      return false;
    case Kind::dict: {
      const std::optional<Key> key = key_of(item);
      return key && container.as_dict().find(*key) != nullptr;
    }
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::name_space:
    case Kind::loop:
    case Kind::callable: break;
  }
  return does_not_fit("in", item, container);
}

}  // namespace

Expected<bool> compare(Comparison comparison, const Value& left, const Value& right, Budget& budget) {
  switch (comparison) {
    case Comparison::equal: return equal(left, right, budget);
    case Comparison::not_equal: return !equal(left, right, budget);
    case Comparison::in: return contains(right, left, budget);
    case Comparison::not_in: {
      TERN_ASSIGN(const bool found, contains(right, left, budget));
      return !found;
    }
    case Comparison::less:
    case Comparison::less_equal:
    case Comparison::greater:
    case Comparison::greater_equal: break;
  }
  TERN_ASSIGN(const int sign, order(left, right, budget));
  if (comparison == Comparison::less) return sign < 0;
  if (comparison == Comparison::less_equal) return sign <= 0;
  if (comparison == Comparison::greater) return sign > 0;
  return sign >= 0;
}

}  // namespace tern::runtime::jinja

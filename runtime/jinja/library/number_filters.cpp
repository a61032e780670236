// Filters that make numbers, and `default`.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "runtime/jinja/library/filter_functions.h"
#include "runtime/jinja/values/operators.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::runtime::jinja {
namespace {

const Signature round_signature{"round", {"precision", "method"}, 0};

// The number that a text holds, white space around it aside; nothing if it holds anything else.
template <class Number>
std::optional<Number> number_in(std::string_view text) {
  text = strip_right(strip_left(text, nullptr), nullptr);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  Number number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> real_of(const Value& value) {
  if (value.is(Kind::real)) return value.as_real();
  if (value.is(Kind::integer)) return static_cast<double>(value.as_integer());
  if (value.is(Kind::boolean)) return value.as_boolean() ? 1.0 : 0.0;
  if (value.is(Kind::string)) return number_in<double>(value.as_string());
  return std::nullopt;
}

bool fits_integer(double number) {
  return number > -9.2e18 && number < 9.2e18;
}

}  // namespace

Result filter_default(const Value& subject, Arguments arguments, const Context&) {
  const bool absent = subject.is(Kind::undefined) || (flag_argument(arguments, 1) && !subject.truth());
  if (!absent) return subject;
  return arguments[0] ? *arguments[0] : Value::string("");
}

Result filter_abs(const Value& subject, Arguments, const Context&) {
  if (subject.is(Kind::real)) return Value::real(std::fabs(subject.as_real()));
  if (subject.is(Kind::integer)) return subject.as_integer() < 0 ? negative(subject) : Result(subject);
  if (subject.is(Kind::boolean)) return Value::integer(subject.as_boolean());
  return fail(fmt::format("{} has no absolute value", name_of(subject.kind())));
}

// Python's int(): a text must be a whole number, or a float that is cut off; else the default.
Result filter_int(const Value& subject, Arguments arguments, const Context& context) {
  if (subject.is(Kind::integer)) return subject;
  if (subject.is(Kind::string)) {
    if (!context.budget.read(subject.as_string().size())) return context.budget.error();
    if (const auto whole = number_in<int64_t>(subject.as_string())) return Value::integer(*whole);
  }
  const std::optional<double> real = real_of(subject);
  if (real && fits_integer(*real)) return Value::integer(static_cast<int64_t>(*real));
  return arguments[0] ? *arguments[0] : Value::integer(0);
}

Result filter_float(const Value& subject, Arguments arguments, const Context& context) {
  if (subject.is(Kind::string) && !context.budget.read(subject.as_string().size()))
    return context.budget.error();
  if (const std::optional<double> real = real_of(subject)) return Value::real(*real);
  return arguments[0] ? *arguments[0] : Value::real(0);
}

Result filter_round(const Value& subject, Arguments arguments, const Context&) {
  TERN_ASSIGN(const int64_t precision, integer_argument(arguments, 0, round_signature));
  TERN_ASSIGN(const std::string method, string_argument(arguments, 1, round_signature, "common"));
  if (!subject.is_number()) return fail(fmt::format("{} cannot be rounded", name_of(subject.kind())));
  if (precision < -15 || precision > 15) return fail("'precision' of round must be from -15 to 15");
  const double number = *real_of(subject);
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return Value::real(std::ceil(number * scale) / scale);
  if (method == "floor") return Value::real(std::floor(number * scale) / scale);
  if (method != "common") return fail("'method' of round must be common, ceil or floor");
  if (subject.is(Kind::integer) && precision >= 0) return subject;
  if (precision < 0) return Value::real(std::nearbyint(number * scale) / scale);
  // Python rounds the decimal value of the float, half to even; formatting does so too.
  return Value::real(std::stod(fmt::format("{:.{}f}", number, precision)));
}

}  // namespace tern::runtime::jinja

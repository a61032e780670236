#include "runtime/jinja/values/format_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/jinja/values/unicode.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

// Beyond every budget, and far from where sums overflow.
constexpr size_t most_size = size_t{1} << 40;

struct Directive {
  bool left = false, plus = false, blank = false, zero = false, alternate = false;
  size_t width = 0;
  std::optional<size_t> precision;
  char conversion = 0;
};

class TextFormatter {
 public:
  TextFormatter(std::string_view format, const Value& values, Budget& budget)
      : format_(format), values_(values), budget_(budget) {}

  Result run() {
    if (!budget_.make(format_.size())) return budget_.error();
    while (true) {
      const size_t percent = format_.find('%', at_);
      out_ += format_.substr(at_, percent == format_.npos ? percent : percent - at_);
      if (percent == format_.npos) break;
      at_ = percent + 1;
      TERN_TRY(append_directive());
    }
    // Python takes dicts and lists for mappings, of which not all needs to be used.
    const bool may_stay = values_.is(Kind::dict) || (values_.is(Kind::list) && !is_tuple());
    const size_t given = is_tuple() ? values_.as_list()->items.size() : may_stay ? 0 : 1;
    if (!named_ && used_ < given) return fail("'%' was given more values than the string has places for");
    return Value::string(std::move(out_));
  }

 private:
  bool is_tuple() const { return values_.is(Kind::list) && values_.as_list()->tuple; }
  bool at(char c) const { return at_ < format_.size() && format_[at_] == c; }

  Result next_value() {
    if (is_tuple() ? used_ >= values_.as_list()->items.size() : used_ >= 1)
      return fail("'%' was given fewer values than the string has places for");
    return is_tuple() ? values_.as_list()->items[used_++] : (++used_, values_);
  }

  // "(name)": the value of that key.
  Result named_value() {
    const size_t begin = ++at_;
    size_t open = 1;
    for (; at_ < format_.size() && open > 0; ++at_) {
      open += format_[at_] == '(';
      open -= format_[at_] == ')';
    }
    if (open > 0) return fail("a name in a string before '%' does not end");
    if (!values_.is(Kind::dict)) return fail("a name in a string before '%' needs a dict behind it");
    named_ = true;
    const std::string_view name = format_.substr(begin, at_ - 1 - begin);
    const Value* value = values_.as_dict().find(Key(name));
    if (value == nullptr) return fail(fmt::format("'%' was given no value for '{}'", name));
    return *value;
  }

  // A width or a precision: digits, or "*" for the next value.
  Expected<int64_t> read_size() {
    if (at('*')) {
      ++at_;
      TERN_ASSIGN(const Value value, next_value());
      if (!value.is(Kind::integer)) return fail("'*' in a string before '%' needs an integer");
      return std::clamp(value.as_integer(), -static_cast<int64_t>(most_size),
                        static_cast<int64_t>(most_size));
    }
    size_t size = 0;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_)
      size = std::min(10 * size + static_cast<size_t>(format_[at_] - '0'), most_size);
    return static_cast<int64_t>(size);
  }

  Status append_directive() {
    std::optional<Value> value;
    if (at('(')) {
      TERN_ASSIGN(value, named_value());
    }
    Directive directive;
    for (; at_ < format_.size(); ++at_) {
      const char c = format_[at_];
      if (c == '-')
        directive.left = true;
      else if (c == '+')
        directive.plus = true;
      else if (c == ' ')
        directive.blank = true;
      else if (c == '0')
        directive.zero = true;
      else if (c == '#')
        directive.alternate = true;
      else
        break;
    }
    TERN_ASSIGN(const int64_t width, read_size());
    if (width < 0) directive.left = true;
    directive.width = static_cast<size_t>(width < 0 ? -width : width);
    if (at('.')) {
      ++at_;
      TERN_ASSIGN(const int64_t precision, read_size());
      directive.precision = static_cast<size_t>(std::max(precision, int64_t{0}));
    }
    while (at('h') || at('l') || at('L')) ++at_;
    if (at_ >= format_.size()) return fail("a string before '%' ends inside a directive");
    directive.conversion = format_[at_++];
    // A precision is digits, a width blanks or zeros: neither may cost more than the text is allowed to.
    if (!budget_.make(directive.width + directive.precision.value_or(0) + 512)) return budget_.error();
    if (directive.conversion == '%') {
      out_ += '%';
      return {};
    }
    if (!value) {
      TERN_ASSIGN(value, next_value());
    }
    return append_value(directive, *value);
  }

  // `sign` stands in front of zeros that fill the width, blanks in front of it.
  void append_padded(const Directive& directive, std::string_view sign, std::string_view text, bool zeros) {
    const size_t size = sign.size() + count_characters(text);
    const size_t missing = directive.width > size ? directive.width - size : 0;
    if (!directive.left && !zeros) out_.append(missing, ' ');
    out_ += sign;
    if (!directive.left && zeros) out_.append(missing, '0');
    out_ += text;
    if (directive.left) out_.append(missing, ' ');
  }

  Status append_value(const Directive& directive, const Value& value) {
    switch (directive.conversion) {
      case 's':
      case 'r': {
        std::string text = directive.conversion == 's' ? to_text(value, budget_) : to_literal(value, budget_);
        if (budget_.spent()) return budget_.error();
        if (directive.precision) text = first_characters(text, *directive.precision);
        append_padded(directive, "", text, false);
        return {};
      }
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': return append_whole(directive, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return append_real(directive, value);
      case 'c': return append_character(directive, value);
      default:
        return fail(fmt::format("'%{}' in a string before '%' is not supported", directive.conversion));
    }
  }

  static std::string first_characters(const std::string& text, size_t count) {
    size_t end = 0;
    for (; count > 0 && end < text.size(); --count) end += character_at(text, end).size();
    return text.substr(0, end);
  }

  static std::string sign_of(const Directive& directive, bool negative) {
    return negative ? "-" : directive.plus ? "+" : directive.blank ? " " : "";
  }

  Error wrong_kind(const Directive& directive, const Value& value) const {
    return fail(
        fmt::format("'%{}' needs another value than {}", directive.conversion, name_of(value.kind())));
  }

  Status append_whole(const Directive& directive, const Value& value) {
    const char conversion = directive.conversion;
    const bool decimal = conversion == 'd' || conversion == 'i' || conversion == 'u';
    std::optional<Key> whole = key_of(value);
    if (decimal && value.is(Kind::real)) whole = key_of(Value::real(std::trunc(value.as_real())));
    if (value.is(Kind::string) || !whole || (!decimal && value.is(Kind::real)))
      return wrong_kind(directive, value);
    const int64_t number = *whole->number();
    const uint64_t size = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
    std::string sign = sign_of(directive, number < 0);
    std::string digits = decimal             ? fmt::format("{}", size)
                         : conversion == 'o' ? fmt::format("{:o}", size)
                         : conversion == 'x' ? fmt::format("{:x}", size)
                                             : fmt::format("{:X}", size);
    if (directive.precision && digits.size() < *directive.precision)
      digits.insert(0, *directive.precision - digits.size(), '0');
    if (directive.alternate && !decimal) sign += std::string("0") + conversion;
    append_padded(directive, sign, digits, directive.zero);
    return {};
  }

  Status append_real(const Directive& directive, const Value& value) {
    double number = 0;
    if (value.is(Kind::real)) {
      number = value.as_real();
    } else if (value.is(Kind::integer)) {
      number = static_cast<double>(value.as_integer());
    } else if (value.is(Kind::boolean)) {
      number = value.as_boolean() ? 1 : 0;
    } else {
      return wrong_kind(directive, value);
    }
    const std::string form = fmt::format("{{:{}.{}{}}}", directive.alternate ? "#" : "",
                                         directive.precision.value_or(6), directive.conversion);
    const std::string digits = fmt::format(fmt::runtime(form), std::fabs(number));
    append_padded(directive, sign_of(directive, std::signbit(number)), digits, directive.zero);
    return {};
  }

  Status append_character(const Directive& directive, const Value& value) {
    if (value.is(Kind::string) && count_characters(value.as_string()) == 1) {
      append_padded(directive, "", value.as_string(), false);
      return {};
    }
    const bool is_character = value.is(Kind::integer) && value.as_integer() >= 0 &&
                              value.as_integer() <= 0x10ffff &&
                              (value.as_integer() < 0xd800 || value.as_integer() > 0xdfff);
    if (!is_character) return wrong_kind(directive, value);
    append_padded(directive, "", to_utf8(static_cast<char32_t>(value.as_integer())), false);
    return {};
  }

  std::string_view format_;
  const Value& values_;
  Budget& budget_;
  std::string out_;
  size_t at_ = 0;
  size_t used_ = 0;     // values that directives without a name have taken
  bool named_ = false;  // a directive had a name
};

}  // namespace

Result format_text(std::string_view format, const Value& values, Budget& budget) {
  return TextFormatter(format, values, budget).run();
}

}  // namespace tern::runtime::jinja

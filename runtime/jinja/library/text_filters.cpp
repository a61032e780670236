// Filters that make texts.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/jinja/library/filter_functions.h"
#include "runtime/jinja/values/operators.h"
#include "runtime/jinja/values/text_operations.h"
#include "runtime/jinja/values/unicode.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

// The subject as {{ }} prints it: filters of texts take any value.
Expected<std::string> text_of(const Value& subject, Budget& budget) {
  std::string text = to_text(subject, budget);
  if (!budget.make(text.size())) return budget.error();
  return text;
}

Result changed(const Value& subject, const Context& context, std::string (*change)(std::string_view)) {
  TERN_ASSIGN(const std::string text, text_of(subject, context.budget));
  return Value::string(change(text));
}

const Signature trim_signature{"trim", {"chars"}, 0};
const Signature replace_signature{"replace", {"old", "new", "count"}, 2};
const Signature join_signature{"join", {"d", "attribute"}, 0};
const Signature json_signature{"tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, 0};

}  // namespace

Result filter_capitalize(const Value& subject, Arguments, const Context& context) {
  return changed(subject, context, to_capitalized);
}

// Jinja2's title differs from Python's: a word begins after white space, a hyphen or an opening bracket.
Result filter_title(const Value& subject, Arguments, const Context& context) {
  TERN_ASSIGN(const std::string text, text_of(subject, context.budget));
  std::string out;
  bool begins = true;
  for (const std::string_view character : characters(text)) {
    out += begins ? to_upper(character) : to_lower(character);
    begins =
        is_space(code_point(character)) || std::string_view("-({[<").find(character) != std::string::npos;
  }
  return Value::string(std::move(out));
}

Result filter_lower(const Value& subject, Arguments, const Context& context) {
  return changed(subject, context, to_lower);
}

Result filter_upper(const Value& subject, Arguments, const Context& context) {
  return changed(subject, context, to_upper);
}

Result filter_safe(const Value& subject, Arguments, const Context&) {
  return subject;  // nothing is escaped in chat templates
}

Result filter_string(const Value& subject, Arguments, const Context& context) {
  if (subject.is(Kind::string)) return subject;
  TERN_ASSIGN(std::string text, text_of(subject, context.budget));
  return Value::string(std::move(text));
}

Result filter_trim(const Value& subject, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string text, text_of(subject, context.budget));
  TERN_ASSIGN(const std::string set, string_argument(arguments, 0, trim_signature));
  const std::string* chosen = is_given(arguments, 0) ? &set : nullptr;
  if (!context.budget.read(text.size() * (1 + set.size()))) return context.budget.error();
  return Value::string(std::string(strip_right(strip_left(text, chosen), chosen)));
}

Result filter_replace(const Value& subject, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string text, text_of(subject, context.budget));
  TERN_ASSIGN(const std::string old, text_of(*arguments[0], context.budget));
  TERN_ASSIGN(const std::string by, text_of(*arguments[1], context.budget));
  TERN_ASSIGN(const int64_t most, integer_argument(arguments, 2, replace_signature, -1));
  return replace_text(text, old, by, most, context.budget);
}

Result filter_wordcount(const Value& subject, Arguments, const Context& context) {
  TERN_ASSIGN(const std::string text, text_of(subject, context.budget));
  TERN_ASSIGN(const Value words, split_text(text, nullptr, -1, false, context.budget));
  return Value::integer(static_cast<int64_t>(words.as_list()->items.size()));
}

Result filter_indent(const Value& subject, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string text, text_of(subject, context.budget));
  std::string margin(4, ' ');
  if (is_given(arguments, 0)) {
    if (arguments[0]->is(Kind::string)) {
      margin = arguments[0]->as_string();
    } else if (arguments[0]->is(Kind::integer)) {
      const int64_t width = std::max(arguments[0]->as_integer(), int64_t{0});
      if (!context.budget.make(static_cast<size_t>(width))) return context.budget.error();
      margin.assign(static_cast<size_t>(width), ' ');
    } else {
      return fail("'width' of indent must be an integer or a string");
    }
  }
  const bool first = flag_argument(arguments, 1), blank = flag_argument(arguments, 2);
  std::string out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if ((begin > 0 || first) && (end > begin || blank)) {
      if (!context.budget.make(margin.size())) return context.budget.error();
      out += margin;
    }
    out += text.substr(begin, end - begin);
    if (end < text.size()) out += '\n';
    begin = end + 1;
  }
  return Value::string(std::move(out));
}

Result filter_join(const Value& subject, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string separator, string_argument(arguments, 0, join_signature));
  TERN_ASSIGN(const auto items, items_of(subject, context.budget));
  if (!is_given(arguments, 1)) return join_texts(*items, separator, context.budget);
  TERN_ASSIGN(const std::string path, string_argument(arguments, 1, join_signature));
  List parts;
  for (const Value& item : items->items) {
    TERN_ASSIGN(Value part, item_at_path(item, path, context.budget));
    parts.items.push_back(std::move(part));
  }
  return join_texts(parts, separator, context.budget);
}

Result filter_tojson(const Value& subject, Arguments arguments, const Context& context) {
  JsonStyle style;
  style.ensure_ascii = flag_argument(arguments, 0);
  if (is_given(arguments, 1)) {
    TERN_ASSIGN(style.indent, integer_argument(arguments, 1, json_signature));
    style.indent = std::clamp(style.indent, int64_t{0}, int64_t{1} << 40);  // the budget refuses far less
    style.between_items.assign(1, ',');
  }
  if (is_given(arguments, 2)) {
    const bool is_pair = arguments[2]->is(Kind::list) && arguments[2]->as_list()->items.size() == 2 &&
                         arguments[2]->as_list()->items[0].is(Kind::string) &&
                         arguments[2]->as_list()->items[1].is(Kind::string);
    if (!is_pair) return fail("'separators' of tojson must be two strings");
    style.between_items = arguments[2]->as_list()->items[0].as_string();
    style.after_key = arguments[2]->as_list()->items[1].as_string();
  }
  style.sort_keys = flag_argument(arguments, 3);
  TERN_ASSIGN(std::string text, to_json(subject, style, context.budget));
  if (context.budget.spent()) return context.budget.error();
  return Value::string(std::move(text));
}

}  // namespace tern::runtime::jinja

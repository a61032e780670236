#include "runtime/jinja/library/methods.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/jinja/values/operators.h"
#include "runtime/jinja/values/text_operations.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::runtime::jinja {
namespace {

Error no_method(std::string_view name, const Value& object) {
  return fail(fmt::format("{} has no method '{}'", name_of(object.kind()), name));
}

// The text of a string, with room for a copy of it; an error for other kinds.
Expected<std::string_view> subject(const Value& object, std::string_view name, Budget& budget) {
  if (!object.is(Kind::string)) return no_method(name, object);
  if (!budget.make(object.as_string().size())) return budget.error();
  return std::string_view(object.as_string());
}

template <std::string (*change)(std::string_view)>
Result changed(const Value& object, Arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text,
              subject(object, "upper, lower, title, capitalize", context.budget));
  return Value::string(change(text));
}

const Signature strip_signature{"strip", {"chars"}, 0};

template <bool left, bool right>
Result strip(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(std::string_view text, subject(object, "strip", context.budget));
  TERN_ASSIGN(const std::string set, string_argument(arguments, 0, strip_signature));
  const bool given = is_given(arguments, 0);
  if (given && !context.budget.read(text.size() + std::min(text.size(), size_t{1} << 20) * set.size()))
    return context.budget.error();
  if (left) text = strip_left(text, given ? &set : nullptr);
  if (right) text = strip_right(text, given ? &set : nullptr);
  return Value::string(std::string(text));
}

const Signature split_signature{"split", {"sep", "maxsplit"}, 0};

template <bool from_right>
Result split(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text, subject(object, "split", context.budget));
  TERN_ASSIGN(const std::string separator, string_argument(arguments, 0, split_signature));
  TERN_ASSIGN(const int64_t most, integer_argument(arguments, 1, split_signature, -1));
  const bool given = is_given(arguments, 0);
  if (given && separator.empty()) return fail("split() needs a separator that is not empty");
  return split_text(text, given ? &separator : nullptr, most, from_right, context.budget);
}

Result splitlines(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text, subject(object, "splitlines", context.budget));
  return split_lines(text, flag_argument(arguments, 0), context.budget);
}

// startswith and endswith, which take one text or a tuple of them.
template <bool at_start>
Result starts_or_ends(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text,
              subject(object, at_start ? "startswith" : "endswith", context.budget));
  std::vector<Value> parts = {*arguments[0]};
  if (parts[0].is(Kind::list)) parts = std::vector<Value>(parts[0].as_list()->items);
  for (const Value& part : parts) {
    if (!part.is(Kind::string)) return fail("startswith and endswith compare with strings");
    if (!context.budget.read(part.as_string().size())) return context.budget.error();
    if (at_start ? text.starts_with(part.as_string()) : text.ends_with(part.as_string()))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

const Signature replace_signature{"replace", {"old", "new", "count"}, 2};

Result replace(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text, subject(object, "replace", context.budget));
  TERN_ASSIGN(const std::string old, string_argument(arguments, 0, replace_signature));
  TERN_ASSIGN(const std::string by, string_argument(arguments, 1, replace_signature));
  TERN_ASSIGN(const int64_t most, integer_argument(arguments, 2, replace_signature, -1));
  return replace_text(text, old, by, most, context.budget);
}

const Signature affix_signature{"removeprefix", {"affix"}, 1};

template <bool prefix>
Result remove_affix(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(std::string_view text, subject(object, "removeprefix", context.budget));
  TERN_ASSIGN(const std::string affix, string_argument(arguments, 0, affix_signature));
  if (prefix && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!prefix && text.ends_with(affix)) text.remove_suffix(affix.size());
  return Value::string(std::string(text));
}

const Signature find_signature{"find", {"sub"}, 1};

template <bool from_right>
Result find(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text, subject(object, "find", context.budget));
  TERN_ASSIGN(const std::string part, string_argument(arguments, 0, find_signature));
  if (!context.budget.read(text.size())) return context.budget.error();
  const size_t at = from_right ? text.rfind(part) : text.find(part);
  return Value::integer(at == text.npos ? -1 : static_cast<int64_t>(count_characters(text.substr(0, at))));
}

// How often a text or an item occurs; the place of the first one.
template <bool place>
Result count(const Value& object, Arguments arguments, const Context& context) {
  Budget& budget = context.budget;
  int64_t found = 0;
  if (object.is(Kind::list)) {
    const std::vector<Value>& items = object.as_list()->items;
    for (size_t i = 0; i < items.size(); ++i) {
      const bool same = equal(items[i], *arguments[0], budget);
      if (budget.spent()) return budget.error();
      if (same && place) return Value::integer(static_cast<int64_t>(i));
      found += same;
    }
    if (place) return fail("index(): the list does not hold that");
    return Value::integer(found);
  }
  TERN_ASSIGN(const std::string_view text, subject(object, place ? "index" : "count", budget));
  TERN_ASSIGN(const std::string part, string_argument(arguments, 0, find_signature));
  if (!budget.read(text.size())) return budget.error();
  if (place) {
    const size_t at = text.find(part);
    if (at == text.npos) return fail("index(): the text does not hold that");
    return Value::integer(static_cast<int64_t>(count_characters(text.substr(0, at))));
  }
  if (part.empty()) return Value::integer(static_cast<int64_t>(count_characters(text)) + 1);
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++found;
  return Value::integer(found);
}

Result join(const Value& object, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text, subject(object, "join", context.budget));
  TERN_ASSIGN(const auto items, items_of(*arguments[0], context.budget));
  for (const Value& item : items->items) {
    if (!item.is(Kind::string))
      return fail(fmt::format("join() joins strings, not {}", name_of(item.kind())));
  }
  return join_texts(*items, text, context.budget);
}

template <bool letters, bool digits>
Result consists_of(const Value& object, Arguments, const Context& context) {
  TERN_ASSIGN(const std::string_view text, subject(object, "isdigit", context.budget));
  const auto fits = [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return (letters && letter) || (digits && c >= '0' && c <= '9');
  };
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return fail("isdigit, isalpha and isalnum are supported for ASCII only");
  return Value::boolean(!text.empty() && std::all_of(text.begin(), text.end(), fits));
}

enum class DictPart { keys, values, items };

template <DictPart part>
Result dict_part(const Value& object, Arguments, const Context& context) {
  if (!object.is(Kind::dict)) return no_method("items, keys and values", object);
  return dict_items(object.as_dict(), part != DictPart::values, part != DictPart::keys, context.budget);
}

Result get(const Value& object, Arguments arguments, const Context&) {
  if (!object.is(Kind::dict)) return no_method("get", object);
  const std::optional<Key> key = key_of(*arguments[0]);
  const Value* found = key ? object.as_dict().find(*key) : nullptr;
  if (found != nullptr) return *found;
  return arguments[1] ? *arguments[1] : Value::none();
}

Result copy(const Value& object, Arguments, const Context&) {
  if (!object.is(Kind::dict) && !object.is(Kind::list)) return no_method("copy", object);
  return object;
}

// loop.cycle(a, b, ...): the argument of the loop's turn.
Result cycle(const Value& object, Arguments arguments, const Context&) {
  if (!object.is(Kind::loop)) return no_method("cycle", object);
  size_t count = 0;
  while (count < arguments.size() && arguments[count]) ++count;
  return *arguments[object.as_loop().index % count];
}

constexpr std::string_view dict_methods[] = {"items", "keys",   "values",  "get",        "copy",    "pop",
                                             "clear", "update", "popitem", "setdefault", "fromkeys"};

}  // namespace

std::span<const MethodEntry> methods() {
  static const MethodEntry table[] = {
      {{"upper", {}, 0}, changed<to_upper>},
      {{"lower", {}, 0}, changed<to_lower>},
      {{"title", {}, 0}, changed<to_title>},
      {{"capitalize", {}, 0}, changed<to_capitalized>},
      {strip_signature, strip<true, true>},
      {{"lstrip", {"chars"}, 0}, strip<true, false>},
      {{"rstrip", {"chars"}, 0}, strip<false, true>},
      {split_signature, split<false>},
      {{"rsplit", {"sep", "maxsplit"}, 0}, split<true>},
      {{"splitlines", {"keepends"}, 0}, splitlines},
      {{"startswith", {"prefix"}, 1}, starts_or_ends<true>},
      {{"endswith", {"suffix"}, 1}, starts_or_ends<false>},
      {replace_signature, replace},
      {affix_signature, remove_affix<true>},
      {{"removesuffix", {"affix"}, 1}, remove_affix<false>},
      {find_signature, find<false>},
      {{"rfind", {"sub"}, 1}, find<true>},
      {{"count", {"sub"}, 1}, count<false>},
      {{"index", {"sub"}, 1}, count<true>},
      {{"join", {"iterable"}, 1}, join},
      {{"isdigit", {}, 0}, consists_of<false, true>},
      {{"isalpha", {}, 0}, consists_of<true, false>},
      {{"isalnum", {}, 0}, consists_of<true, true>},
      {{"items", {}, 0}, dict_part<DictPart::items>},
      {{"keys", {}, 0}, dict_part<DictPart::keys>},
      {{"values", {}, 0}, dict_part<DictPart::values>},
      {{"get", {"key", "default"}, 1}, get},
      {{"copy", {}, 0}, copy},
      {{"cycle", {"first", "second", "third", "fourth"}, 1}, cycle},
  };
  return table;
}

const MethodEntry* find_method(std::string_view name) {
  for (const MethodEntry& entry : methods()) {
    if (entry.signature.name == name) return &entry;
  }
  return nullptr;
}

bool is_method_of(std::string_view name, Kind kind) {
  return kind == Kind::dict &&
         std::find(std::begin(dict_methods), std::end(dict_methods), name) != std::end(dict_methods);
}

}  // namespace tern::runtime::jinja

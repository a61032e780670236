// Filters of lists and dicts.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/jinja/library/filter_functions.h"
#include "runtime/jinja/values/operators.h"
#include "runtime/jinja/values/text_operations.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::runtime::jinja {
namespace {

Result new_list(std::vector<Value> items, Budget& budget) {
  if (!budget.make(items.size() * sizeof(Value))) return budget.error();
  return Value::list(std::move(items));
}

// What items are sorted or compared by: themselves, or what lies at a path in them.
Expected<std::vector<Value>> keys_of(const List& list, Arguments arguments, size_t attribute,
                                     Budget& budget) {
  if (!is_given(arguments, attribute)) return list.items;
  const Value& path = *arguments[attribute];
  if (!path.is(Kind::string) && !path.is(Kind::integer))
    return fail("'attribute' must be a string or an integer");
  const std::string text = path.is(Kind::string) ? path.as_string() : std::to_string(path.as_integer());
  std::vector<Value> keys;
  for (const Value& item : list.items) {
    TERN_ASSIGN(Value key, item_at_path(item, text, budget));
    keys.push_back(std::move(key));
  }
  return keys;
}

// The order in which `keys` stand when they are sorted, stably.
Expected<std::vector<size_t>> sorted_positions(const std::vector<Value>& keys, bool reverse, bool fold_case,
                                               Budget& budget) {
  std::vector<size_t> positions(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) positions[i] = i;
  std::optional<Error> fault;
  // Merge sort needs no strict order to be safe: an error leaves any order behind.
  std::stable_sort(positions.begin(), positions.end(), [&](size_t a, size_t b) {
    if (fault) return false;
    const Expected<int> sign = order(keys[a], keys[b], budget, fold_case);
    if (!sign) {
      fault = sign.error();
      return false;
    }
    return reverse ? *sign > 0 : *sign < 0;
  });
  if (fault) return *fault;
  return positions;
}

Result extreme(const Value& subject, Arguments arguments, bool largest, Budget& budget) {
  TERN_ASSIGN(const auto list, items_of(subject, budget));
  TERN_ASSIGN(const std::vector<Value> keys, keys_of(*list, arguments, 1, budget));
  const bool fold_case = !flag_argument(arguments, 0);
  size_t best = 0;
  for (size_t i = 1; i < keys.size(); ++i) {
    TERN_ASSIGN(const int sign, order(keys[i], keys[best], budget, fold_case));
    if (largest ? sign > 0 : sign < 0) best = i;
  }
  return keys.empty() ? Value() : list->items[best];
}

}  // namespace

Result filter_length(const Value& subject, Arguments, const Context& context) {
  switch (subject.kind()) {
    case Kind::undefined: return Value::integer(0);
    case Kind::string:
      if (!context.budget.read(subject.as_string().size())) return context.budget.error();
      return Value::integer(static_cast<int64_t>(count_characters(subject.as_string())));
    case Kind::list: return Value::integer(static_cast<int64_t>(subject.as_list()->items.size()));
    case Kind::dict: return Value::integer(static_cast<int64_t>(subject.as_dict().items().size()));
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::name_space:
    case Kind::loop:
    case Kind::callable: break;
  }
  return fail(fmt::format("{} has no length", name_of(subject.kind())));
}

Result filter_list(const Value& subject, Arguments, const Context& context) {
  TERN_ASSIGN(const auto items, items_of(subject, context.budget));
  return new_list(items->items, context.budget);
}

Result filter_first(const Value& subject, Arguments, const Context& context) {
  TERN_ASSIGN(const auto items, items_of(subject, context.budget));
  return items->items.empty() ? Value() : items->items.front();
}

Result filter_last(const Value& subject, Arguments, const Context& context) {
  TERN_ASSIGN(const auto items, items_of(subject, context.budget));
  return items->items.empty() ? Value() : items->items.back();
}

Result filter_reverse(const Value& subject, Arguments, const Context& context) {
  TERN_ASSIGN(const auto items, items_of(subject, context.budget));
  std::vector<Value> reversed(items->items.rbegin(), items->items.rend());
  if (!subject.is(Kind::string)) return new_list(std::move(reversed), context.budget);
  List list;
  list.items = std::move(reversed);
  return join_texts(list, "", context.budget);
}

Result filter_items(const Value& subject, Arguments, const Context& context) {
  if (subject.is(Kind::undefined)) return Value::list(std::vector<Value>());
  if (!subject.is(Kind::dict))
    return fail(fmt::format("items needs a dict, not {}", name_of(subject.kind())));
  return dict_items(subject.as_dict(), true, true, context.budget);
}

Result filter_sort(const Value& subject, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const auto list, items_of(subject, context.budget));
  TERN_ASSIGN(const std::vector<Value> keys, keys_of(*list, arguments, 2, context.budget));
  TERN_ASSIGN(
      const std::vector<size_t> positions,
      sorted_positions(keys, flag_argument(arguments, 0), !flag_argument(arguments, 1), context.budget));
  std::vector<Value> sorted;
  for (const size_t position : positions) sorted.push_back(list->items[position]);
  return new_list(std::move(sorted), context.budget);
}

Result filter_dictsort(const Value& subject, Arguments arguments, const Context& context) {
  if (!subject.is(Kind::dict))
    return fail(fmt::format("dictsort needs a dict, not {}", name_of(subject.kind())));
  static const Signature signature{"dictsort", {"case_sensitive", "by", "reverse"}, 0};
  TERN_ASSIGN(const std::string by, string_argument(arguments, 1, signature, "key"));
  if (by != "key" && by != "value") return fail("'by' of dictsort must be key or value");
  TERN_ASSIGN(const Value pairs, dict_items(subject.as_dict(), true, true, context.budget));
  std::vector<Value> keys;
  for (const Value& pair : pairs.as_list()->items) keys.push_back(pair.as_list()->items[by == "value"]);
  TERN_ASSIGN(
      const std::vector<size_t> positions,
      sorted_positions(keys, flag_argument(arguments, 2), !flag_argument(arguments, 0), context.budget));
  std::vector<Value> sorted;
  for (const size_t position : positions) sorted.push_back(pairs.as_list()->items[position]);
  return new_list(std::move(sorted), context.budget);
}

Result filter_unique(const Value& subject, Arguments arguments, const Context& context) {
  Budget& budget = context.budget;
  TERN_ASSIGN(const auto list, items_of(subject, budget));
  TERN_ASSIGN(std::vector<Value> keys, keys_of(*list, arguments, 1, budget));
  if (!flag_argument(arguments, 0)) {
    for (Value& key : keys) {
      if (!key.is(Kind::string)) continue;
      if (!budget.make(key.as_string().size())) return budget.error();
      key = Value::string(to_lower(key.as_string()));
    }
  }
  std::vector<Value> items;
  std::vector<size_t> kept;
  for (size_t i = 0; i < keys.size(); ++i) {
    const bool seen =
        std::any_of(kept.begin(), kept.end(), [&](size_t k) { return equal(keys[k], keys[i], budget); });
    if (budget.spent()) return budget.error();
    if (seen) continue;
    kept.push_back(i);
    items.push_back(list->items[i]);
  }
  return new_list(std::move(items), budget);
}

Result filter_max(const Value& subject, Arguments arguments, const Context& context) {
  return extreme(subject, arguments, true, context.budget);
}

Result filter_min(const Value& subject, Arguments arguments, const Context& context) {
  return extreme(subject, arguments, false, context.budget);
}

Result filter_sum(const Value& subject, Arguments arguments, const Context& context) {
  TERN_ASSIGN(const auto list, items_of(subject, context.budget));
  TERN_ASSIGN(const std::vector<Value> keys, keys_of(*list, arguments, 0, context.budget));
  Value total = arguments[1] ? *arguments[1] : Value::integer(0);
  for (const Value& key : keys) {
    if (!context.budget.step()) return context.budget.error();
    TERN_ASSIGN(total, binary(BinaryOperator::add, total, key, context.budget));
  }
  return total;
}

}  // namespace tern::runtime::jinja

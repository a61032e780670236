// Parts of values: attributes, items, slices.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runtime/jinja/library/methods.h"
#include "runtime/jinja/values/operators.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::runtime::jinja {
namespace {

Result loop_attribute(const Loop& loop, std::string_view name) {
  const auto index = static_cast<int64_t>(loop.index), count = static_cast<int64_t>(loop.items->items.size());
  if (name == "index") return Value::integer(index + 1);
  if (name == "index0") return Value::integer(index);
  if (name == "revindex") return Value::integer(count - index);
  if (name == "revindex0") return Value::integer(count - index - 1);
  if (name == "first") return Value::boolean(index == 0);
  if (name == "last") return Value::boolean(index + 1 == count);
  if (name == "length") return Value::integer(count);
  if (name == "depth") return Value::integer(static_cast<int64_t>(loop.depth) + 1);
  if (name == "depth0") return Value::integer(static_cast<int64_t>(loop.depth));
  if (name == "previtem") return index == 0 ? Value() : loop.items->items[loop.index - 1];
  if (name == "nextitem") return index + 1 == count ? Value() : loop.items->items[loop.index + 1];
  return fail(fmt::format("the loop has no attribute '{}'", name));
}

Result found_or_undefined(const Value* value) {
  return value == nullptr ? Value() : *value;
}

// Where a Python index points; nothing beyond the ends.
std::optional<size_t> position(int64_t index, size_t size) {
  if (index < 0) index += static_cast<int64_t>(size);
  if (index < 0 || index >= static_cast<int64_t>(size)) return std::nullopt;
  return static_cast<size_t>(index);
}

// The positions of a slice, as Python's slice.indices() gives them.
struct Stride {
  int64_t start, stop, step;
};

Expected<int64_t> bound(const Value* value, int64_t otherwise, int64_t size, int64_t step) {
  if (value == nullptr || value->is(Kind::none)) return otherwise;
  if (!value->is(Kind::integer)) return fail("the parts of a slice must be integers");
  int64_t index = value->as_integer();
  if (index < 0) index = std::max(index + size, step < 0 ? int64_t{-1} : int64_t{0});
  return std::min(index, step < 0 ? size - 1 : size);
}

Expected<Stride> stride_of(const Value* start, const Value* stop, const Value* step, int64_t size) {
  Stride stride{};
  stride.step = 1;
  if (step != nullptr && !step->is(Kind::none)) {
    if (!step->is(Kind::integer)) return fail("the parts of a slice must be integers");
    stride.step = step->as_integer();
  }
  if (stride.step == 0) return fail("the step of a slice must not be 0");
  // Larger steps end after the first item too.
  stride.step = std::clamp(stride.step, -size - 1, size + 1);
  TERN_ASSIGN(stride.start, bound(start, stride.step < 0 ? size - 1 : 0, size, stride.step));
  TERN_ASSIGN(stride.stop, bound(stop, stride.step < 0 ? -1 : size, size, stride.step));
  return stride;
}

}  // namespace

Result attribute_of(const Value& object, std::string_view name) {
  if (name.starts_with('_')) return fail(fmt::format("attribute '{}' is not allowed", name));
  switch (object.kind()) {
    case Kind::undefined: return fail(fmt::format("an undefined value has no attribute '{}'", name));
    case Kind::dict: {
      const Value* value = object.as_dict().find(name);
      if (value != nullptr && is_method_of(name, Kind::dict))
        return fail(fmt::format("'.{0}' is a method of dicts; the item is ['{0}']", name));
      return found_or_undefined(value);
    }
    case Kind::name_space: return found_or_undefined(object.as_namespace().attributes.find(name));
    case Kind::loop: return loop_attribute(object.as_loop(), name);
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::string:
    case Kind::list:
    case Kind::callable: return Value();
  }
  return Value();
}

Result item_of(const Value& object, const Value& key, Budget& budget) {
  if (object.is(Kind::undefined)) return fail("an undefined value has no items");
  if (object.is(Kind::dict)) {
    const std::optional<Key> found = key_of(key);
    return found ? found_or_undefined(object.as_dict().find(*found)) : Value();
  }
  if (key.is(Kind::string)) {
    return object.is(Kind::name_space) || object.is(Kind::loop) ? attribute_of(object, key.as_string())
                                                                : Result(Value());
  }
  if (!key.is(Kind::integer) && !key.is(Kind::boolean)) return Value();
  const int64_t index = key.is(Kind::integer) ? key.as_integer() : int64_t{key.as_boolean()};
  if (object.is(Kind::list)) {
    const std::optional<size_t> at = position(index, object.as_list()->items.size());
    return at ? object.as_list()->items[*at] : Value();
  }
  if (object.is(Kind::string)) {
    if (!budget.make(object.as_string().size())) return budget.error();
    const std::vector<std::string_view> all = characters(object.as_string());
    const std::optional<size_t> at = position(index, all.size());
    return at ? Value::string(std::string(all[*at])) : Value();
  }
  return Value();
}

Result item_at_path(const Value& object, std::string_view path, Budget& budget) {
  Value value = object;
  while (true) {
    const size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    if (!budget.step()) return budget.error();
    int64_t index = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = error == std::errc() && stop == part.data() + part.size() && !part.starts_with('-');
    if (part.starts_with('_')) return fail(fmt::format("attribute '{}' is not allowed", part));
    TERN_ASSIGN(value,
                item_of(value, is_index ? Value::integer(index) : Value::string(std::string(part)), budget));
    if (dot == path.npos) return value;
    path.remove_prefix(dot + 1);
  }
}

Result slice_of(const Value& object, const Value* start, const Value* stop, const Value* step,
                Budget& budget) {
  if (object.is(Kind::string)) {
    const std::string& text = object.as_string();
    if (!budget.make(text.size() * sizeof(std::string_view))) return budget.error();
    const std::vector<std::string_view> all = characters(text);
    TERN_ASSIGN(const Stride stride, stride_of(start, stop, step, static_cast<int64_t>(all.size())));
    std::string part;
    for (int64_t i = stride.start; stride.step > 0 ? i < stride.stop : i > stride.stop; i += stride.step)
      part += all[static_cast<size_t>(i)];
    return Value::string(std::move(part));
  }
  if (!object.is(Kind::list)) return fail(fmt::format("{} cannot be sliced", name_of(object.kind())));
  const List& list = *object.as_list();
  if (!budget.make(list.items.size() * sizeof(Value))) return budget.error();
  TERN_ASSIGN(const Stride stride, stride_of(start, stop, step, static_cast<int64_t>(list.items.size())));
  std::vector<Value> items;
  for (int64_t i = stride.start; stride.step > 0 ? i < stride.stop : i > stride.stop; i += stride.step)
    items.push_back(list.items[static_cast<size_t>(i)]);
  return Value::list(std::move(items), list.tuple);
}

Expected<std::shared_ptr<const List>> items_of(const Value& value, Budget& budget) {
  List made;
  switch (value.kind()) {
    case Kind::list: return value.as_list();
    case Kind::undefined: break;
    case Kind::string: {
      const std::string& text = value.as_string();
      if (!budget.make(text.size() * (sizeof(Value) + 64))) return budget.error();
      for (const std::string_view character : characters(text))
        made.items.push_back(Value::string(std::string(character)));
      break;
    }
    case Kind::dict:
      for (const auto& [key, item] : value.as_dict().items()) {
        if (!budget.make(key.text().size() + sizeof(Value) + 64)) return budget.error();
        made.items.push_back(key.value());
      }
      break;
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::name_space:
    case Kind::loop:
    case Kind::callable: return fail(fmt::format("{} has no items to go through", name_of(value.kind())));
  }
  return std::make_shared<const List>(std::move(made));
}

}  // namespace tern::runtime::jinja

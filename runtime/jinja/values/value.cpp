#include "runtime/jinja/values/value.h"

#include <algorithm>
#include <cmath>

namespace tern::runtime::jinja {
namespace {

// Below this a search from the front is as quick as an index.
constexpr size_t unindexed_items = 8;

}  // namespace

Value Key::value() const {
  return number_ ? Value::integer(*number_) : Value::string(text_);
}

bool before(const Key& left, const Key& right) {
  if (left.number() && right.number()) return *left.number() < *right.number();
  return left.text() < right.text();
}

void Dict::set(Key key, Value value) {
  depth_ = std::max(depth_, value.depth() + 1);
  if (const Value* old = find(key)) {
    const_cast<Value&>(*old) = std::move(value);
    return;
  }
  items_.emplace_back(std::move(key), std::move(value));
  if (items_.size() <= unindexed_items) return;
  if (index_.empty()) {
    for (size_t i = 0; i < items_.size(); ++i) index_.emplace(items_[i].first, i);
  } else {
    index_.emplace(items_.back().first, items_.size() - 1);
  }
}

const Value* Dict::find(const Key& key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &items_[found->second].second;
  }
  for (const auto& [name, value] : items_) {
    if (name == key) return &value;
  }
  return nullptr;
}

Value Value::none() {
  Value value;
  value.state_ = None{};
  return value;
}

Value Value::boolean(bool truth) {
  Value value;
  value.state_ = truth;
  return value;
}

Value Value::integer(int64_t number) {
  Value value;
  value.state_ = number;
  return value;
}

Value Value::real(double number) {
  Value value;
  value.state_ = number;
  return value;
}

Value Value::string(std::string text) {
  Value value;
  value.state_ = std::make_shared<const std::string>(std::move(text));
  return value;
}

Value Value::list(std::vector<Value> items, bool tuple) {
  List made;
  for (const Value& item : items) made.depth = std::max(made.depth, item.depth() + 1);
  made.items = std::move(items);
  made.tuple = tuple;
  return list(std::make_shared<const List>(std::move(made)));
}

Value Value::list(std::shared_ptr<const List> list) {
  Value value;
  value.state_ = std::move(list);
  return value;
}

Value Value::dict(Dict dict) {
  Value value;
  value.state_ = std::make_shared<const Dict>(std::move(dict));
  return value;
}

Value Value::name_space(Dict attributes) {
  Value value;
  value.state_ = std::make_shared<Namespace>(Namespace{std::move(attributes)});
  return value;
}

Value Value::loop(Loop loop) {
  Value value;
  value.state_ = std::make_shared<const Loop>(std::move(loop));
  return value;
}

Value Value::callable(Callable callable) {
  Value value;
  value.state_ = callable;
  return value;
}

bool Value::is_number() const {
  return is(Kind::integer) || is(Kind::real);
}

size_t Value::depth() const {
  if (is(Kind::list)) return as_list()->depth;
  if (is(Kind::dict)) return as_dict().depth();
  return 0;
}

bool Value::fits_inside() const {
  const bool holds_variables = is(Kind::name_space) || is(Kind::loop) || is(Kind::callable);
  return !holds_variables && depth() < max_value_depth;
}

bool Value::truth() const {
  switch (kind()) {
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return as_boolean();
    case Kind::integer: return as_integer() != 0;
    case Kind::real: return as_real() != 0;
    case Kind::string: return !as_string().empty();
    case Kind::list: return !as_list()->items.empty();
    case Kind::dict: return !as_dict().items().empty();
    case Kind::name_space:
    case Kind::loop:
    case Kind::callable: return true;
  }
  return false;
}

std::optional<Key> key_of(const Value& value) {
  constexpr double beyond = 9223372036854775808.0;  // 2^63
  if (value.is(Kind::string)) return Key(value.as_string());
  if (value.is(Kind::integer)) return Key(value.as_integer());
  if (value.is(Kind::boolean)) return Key(int64_t{value.as_boolean()});
  if (!value.is(Kind::real)) return std::nullopt;
  const double real = value.as_real();
  if (std::trunc(real) != real || real < -beyond || real >= beyond) return std::nullopt;
  return Key(static_cast<int64_t>(real));
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::undefined: return "an undefined value";
    case Kind::none: return "none";
    case Kind::boolean: return "a boolean";
    case Kind::integer: return "an integer";
    case Kind::real: return "a float";
    case Kind::string: return "a string";
    case Kind::list: return "a list";
    case Kind::dict: return "a dict";
    case Kind::name_space: return "a namespace";
    case Kind::loop: return "the loop";
    case Kind::callable: return "a function";
  }
  return "a value";
}

}  // namespace tern::runtime::jinja

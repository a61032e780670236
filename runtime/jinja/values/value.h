// What a template computes with: the values of the expressions of Jinja2 that chat templates use.
//
// Values never change once they are made, except namespaces: transformers renders templates in Jinja2's
// ImmutableSandboxedEnvironment, where nothing else can change either. A namespace is held by variables
// alone, never by a container or another namespace, so no value contains itself and reference counts free all
// memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/expected.h"

namespace tern::runtime::jinja {

class Value;
struct Macro;
struct FunctionEntry;

// The most levels of lists and dicts within each other, so that what walks a value may recurse.
inline constexpr size_t max_value_depth = 100;

struct List {
  std::vector<Value> items;
  size_t depth = 1;    // levels of containers, this one included
  bool tuple = false;  // written with parentheses
};

// A key of a dict: a string, or an integer, which is another key than the string of its digits.
class Key {
 public:
  Key(std::string text) : text_(std::move(text)) {}
  Key(std::string_view text) : text_(text) {}
  Key(const char* text) : text_(text) {}
  explicit Key(int64_t number) : text_(std::to_string(number)), number_(number) {}

  // As {{ }} prints it, and as JSON has it.
  const std::string& text() const { return text_; }
  operator const std::string&() const { return text_; }
  // Nothing for a string.
  const std::optional<int64_t>& number() const { return number_; }
  Value value() const;
  bool operator==(const Key&) const = default;

 private:
  std::string text_;
  std::optional<int64_t> number_;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    return std::hash<std::string>()(key.text()) + (key.number() ? 1 : 0);
  }
};

// Whether a key stands before another in sorted JSON: integers by their value, all else by their text.
bool before(const Key& left, const Key& right);

// A dict, its pairs in the order in which they were added.
class Dict {
 public:
  // Adds a pair, or replaces the value of a key that is there, which keeps its place.
  void set(Key key, Value value);
  // The value of a key; null if it has none.
  const Value* find(const Key& key) const;
  const std::vector<std::pair<Key, Value>>& items() const { return items_; }
  size_t depth() const { return depth_; }

 private:
  std::vector<std::pair<Key, Value>> items_;
  std::unordered_map<Key, size_t, KeyHash> index_;  // empty while there are few items
  size_t depth_ = 1;
};

// What `namespace(...)` makes: attributes that {% set ns.name = value %} replaces.
struct Namespace {
  Dict attributes;
};

// What `loop` is inside {% for %}.
struct Loop {
  std::shared_ptr<const List> items;
  size_t index = 0;  // from 0
  size_t depth = 0;  // loops around this one
};

// A macro of the template, a function of the table (functions.h), or the body of {% call %} around a macro.
struct Callable {
  const Macro* macro = nullptr;
  const FunctionEntry* function = nullptr;
};

enum class Kind { undefined, none, boolean, integer, real, string, list, dict, name_space, loop, callable };

// Cheap to copy: what is large is shared.
class Value {
 public:
  Value() = default;  // undefined
  static Value none();
  static Value boolean(bool value);
  static Value integer(int64_t value);
  static Value real(double value);
  static Value string(std::string value);
  // Precondition: the items hold at most max_value_depth - 1 levels of containers (see fits_inside).
  static Value list(std::vector<Value> items, bool tuple = false);
  static Value list(std::shared_ptr<const List> list);
  static Value dict(Dict dict);
  static Value name_space(Dict attributes);
  static Value loop(Loop loop);
  static Value callable(Callable callable);

  Kind kind() const { return static_cast<Kind>(state_.index()); }
  bool is(Kind kind) const { return this->kind() == kind; }
  bool is_number() const;  // an integer or a real; a boolean is neither

  // Each has its kind as a precondition.
  bool as_boolean() const { return std::get<bool>(state_); }
  int64_t as_integer() const { return std::get<int64_t>(state_); }
  double as_real() const { return std::get<double>(state_); }
  const std::string& as_string() const { return *std::get<std::shared_ptr<const std::string>>(state_); }
  const std::shared_ptr<const List>& as_list() const { return std::get<std::shared_ptr<const List>>(state_); }
  const Dict& as_dict() const { return *std::get<std::shared_ptr<const Dict>>(state_); }
  Namespace& as_namespace() const { return *std::get<std::shared_ptr<Namespace>>(state_); }
  const Loop& as_loop() const { return *std::get<std::shared_ptr<const Loop>>(state_); }
  Callable as_callable() const { return std::get<Callable>(state_); }

  // Levels of containers: 0 for what is none.
  size_t depth() const;
  // Whether a container may hold it: not a namespace, a loop or a callable, and not too deep.
  bool fits_inside() const;

  // Whether {% if %} takes it for true: not undefined, none, false, zero or empty.
  bool truth() const;

 private:
  struct None {};
  // In the order of Kind.
  std::variant<std::monostate, None, bool, int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const List>, std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
               std::shared_ptr<const Loop>, Callable>
      state_;
};

// The key that a value is in Python: a string, an integer, or a boolean or float that equals an integer.
// Nothing for what a dict here has no key for.
std::optional<Key> key_of(const Value& value);

// "a string", "a list": the kind in messages.
std::string_view name_of(Kind kind);

}  // namespace tern::runtime::jinja

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/jinja/values/unicode.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

void append_escaped(std::string& out, char32_t character) {
  if (character < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<uint32_t>(character));
    return;
  }
  const uint32_t offset = static_cast<uint32_t>(character) - 0x10000;
  out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (offset >> 10), 0xdc00 + (offset & 0x3ff));
}

void append_string(std::string& out, const std::string& text, bool ensure_ascii) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const std::string_view character = character_at(text, at);
    at += character.size();
    const unsigned char c = static_cast<unsigned char>(character[0]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\f') {
      out += "\\f";
    } else if (c < 0x20 || (ensure_ascii && c >= 0x7f)) {
      append_escaped(out, code_point(character));
    } else {
      out += character;
    }
  }
  out += '"';
}

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

  Expected<std::string> run(const Value& value) {
    append(value, 0);
    if (!fault_.empty()) return Error{fault_, {}};
    return std::move(out_);
  }

 private:
  bool stopped() const { return budget_.spent() || !fault_.empty(); }

  void break_line(size_t level) {
    if (style_.indent < 0) return;
    const size_t spaces = static_cast<size_t>(style_.indent) * level;
    if (!budget_.make(spaces)) return;
    out_ += '\n';
    out_.append(spaces, ' ');
  }

  void append_list(const List& list, size_t level) {
    out_ += '[';
    for (size_t i = 0; i < list.items.size() && !stopped(); ++i) {
      if (i > 0) out_ += style_.between_items;
      break_line(level + 1);
      append(list.items[i], level + 1);
    }
    if (!list.items.empty()) break_line(level);
    out_ += ']';
  }

  void append_dict(const Dict& dict, size_t level) {
    std::vector<const std::pair<Key, Value>*> items;
    for (const auto& item : dict.items()) items.push_back(&item);
    if (style_.sort_keys)
      std::sort(items.begin(), items.end(), [](auto* a, auto* b) { return before(a->first, b->first); });
    out_ += '{';
    for (size_t i = 0; i < items.size() && !stopped(); ++i) {
      if (i > 0) out_ += style_.between_items;
      break_line(level + 1);
      if (!budget_.make(items[i]->first.text().size())) return;
      append_string(out_, items[i]->first.text(), style_.ensure_ascii);
      out_ += style_.after_key;
      append(items[i]->second, level + 1);
    }
    if (!items.empty()) break_line(level);
    out_ += '}';
  }

  void append_real(double number) {
    if (std::isnan(number)) return void(out_ += "NaN");
    if (std::isinf(number)) return void(out_ += number > 0 ? "Infinity" : "-Infinity");
    out_ += real_text(number);
  }

  void append(const Value& value, size_t level) {
    if (stopped() || !budget_.make(8 + style_.between_items.size() + style_.after_key.size())) return;
    switch (value.kind()) {
      case Kind::none: return void(out_ += "null");
      case Kind::boolean: return void(out_ += value.as_boolean() ? "true" : "false");
      case Kind::integer: return void(out_ += std::to_string(value.as_integer()));
      case Kind::real: return append_real(value.as_real());
      case Kind::string:
        if (!budget_.make(value.as_string().size())) return;
        return append_string(out_, value.as_string(), style_.ensure_ascii);
      case Kind::list: return append_list(*value.as_list(), level);
      case Kind::dict: return append_dict(value.as_dict(), level);
      case Kind::undefined:
      case Kind::name_space:
      case Kind::loop:
      case Kind::callable:
        fault_ = fmt::format("{} cannot be written as JSON", name_of(value.kind()));
        return;
    }
  }

  const JsonStyle& style_;
  Budget& budget_;
  std::string out_, fault_;
};

using Json = nlohmann::ordered_json;

// Builds Values as the parser meets them, so that no depth of the document costs stack.
class ValueBuilder : public nlohmann::json_sax<Json> {
 public:
  Expected<Value> result(std::string_view text) {
    if (!fault_) return std::move(*root_);
    const size_t at = std::min(position_, text.size());
    Location where;
    where.line = 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<long>(at), '\n'));
    const size_t line = text.substr(0, at).rfind('\n');
    where.column = static_cast<int>(line == text.npos ? at : at - line - 1);
    where.column = std::max(where.column, 1);
    return Error{*fault_, where};
  }

  bool null() override { return add(Value::none()); }
  bool boolean(bool value) override { return add(Value::boolean(value)); }
  bool number_integer(number_integer_t value) override { return add(Value::integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX)) return complain("an integer has more than 64 bits");
    return add(Value::integer(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") == text.npos) return complain("an integer has more than 64 bits");
    return add(Value::real(value));
  }
  bool string(string_t& value) override { return add(Value::string(std::move(value))); }
  bool binary(binary_t&) override { return complain("JSON holds no bytes"); }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool key(string_t& value) override {
    open_.back().key = std::move(value);
    return true;
  }
  bool end_object() override {
    Value made = Value::dict(std::move(open_.back().dict));
    open_.pop_back();
    return add(std::move(made));
  }
  bool end_array() override {
    Value made = Value::list(std::move(open_.back().items));
    open_.pop_back();
    return add(std::move(made));
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    position_ = position;
    // The library's text begins with its own number and place of the error.
    const std::string text = error.what();
    const size_t detail = text.find(": ", text.find("column"));
    return complain("this is no JSON" + (detail == text.npos ? std::string() : text.substr(detail)));
  }

 private:
  struct Container {
    bool is_object;
    std::string key;
    Dict dict;
    std::vector<Value> items;
  };

  bool complain(std::string message) {
    fault_ = std::move(message);
    return false;
  }
  bool open(bool is_object) {
    if (open_.size() + 1 >= max_value_depth)
      return complain("there are too many levels of lists and objects");
    open_.push_back({is_object, {}, {}, {}});
    return true;
  }
  bool add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Container& parent = open_.back(); parent.is_object) {
      parent.dict.set(std::move(parent.key), std::move(value));
    } else {
      parent.items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Container> open_;
  std::optional<Value> root_;
  std::optional<std::string> fault_;
  size_t position_ = 0;
};

}  // namespace

Expected<std::string> to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  return JsonWriter(style, budget).run(value);
}

Expected<Value> from_json(std::string_view text) {
  ValueBuilder builder;
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.result(text);
}

}  // namespace tern::runtime::jinja

#include "runtime/jinja/values/text_operations.h"

#include <algorithm>

#include "runtime/jinja/values/unicode.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

// What a string costs beside its bytes.
constexpr size_t string_bytes = sizeof(Value) + 64;

class Parts {
 public:
  explicit Parts(Budget& budget) : budget_(budget) {}
  bool add(std::string_view part) {
    if (!budget_.make(part.size() + string_bytes)) return false;
    parts_.push_back(Value::string(std::string(part)));
    return true;
  }
  int64_t size() const { return static_cast<int64_t>(parts_.size()); }
  Result list(bool reversed) {
    if (budget_.spent()) return budget_.error();
    if (reversed) std::reverse(parts_.begin(), parts_.end());
    return Value::list(std::move(parts_));
  }

 private:
  Budget& budget_;
  std::vector<Value> parts_;
};

// The bytes before the first white space.
size_t word_length(std::string_view text) {
  size_t length = 0;
  while (length < text.size()) {
    const std::string_view character = character_at(text, length);
    if (is_space(code_point(character))) break;
    length += character.size();
  }
  return length;
}

// The bytes after the last white space.
size_t last_word_length(std::string_view text) {
  size_t length = 0;
  for (size_t at = 0; at < text.size();) {
    const std::string_view character = character_at(text, at);
    length = is_space(code_point(character)) ? 0 : length + character.size();
    at += character.size();
  }
  return length;
}

Result split_words(std::string_view text, int64_t most, bool from_right, Budget& budget) {
  Parts parts(budget);
  text = from_right ? strip_right(text, nullptr) : strip_left(text, nullptr);
  while (!text.empty()) {
    if (most >= 0 && parts.size() == most) {
      parts.add(text);
      break;
    }
    if (from_right && !budget.read(text.size())) break;  // it is read from its beginning each time
    const size_t length = from_right ? last_word_length(text) : word_length(text);
    if (!parts.add(from_right ? text.substr(text.size() - length) : text.substr(0, length))) break;
    text = from_right ? strip_right(text.substr(0, text.size() - length), nullptr)
                      : strip_left(text.substr(length), nullptr);
  }
  return parts.list(from_right);
}

}  // namespace

Result split_text(std::string_view text, const std::string* separator, int64_t most, bool from_right,
                  Budget& budget) {
  if (separator == nullptr) return split_words(text, most, from_right, budget);
  Parts parts(budget);
  while (most < 0 || parts.size() < most) {
    const size_t at = from_right ? text.rfind(*separator) : text.find(*separator);
    if (at == text.npos) break;
    const std::string_view before = text.substr(0, at), after = text.substr(at + separator->size());
    if (!parts.add(from_right ? after : before)) break;
    text = from_right ? before : after;
  }
  parts.add(text);
  return parts.list(from_right);
}

Result split_lines(std::string_view text, bool keep_ends, Budget& budget) {
  Parts parts(budget);
  while (!text.empty()) {
    const size_t at = text.find_first_of("\r\n");
    const size_t end = at == text.npos ? text.size() : at + (text.substr(at).starts_with("\r\n") ? 2 : 1);
    if (!parts.add(text.substr(0, keep_ends ? end : at))) break;
    text.remove_prefix(end);
  }
  return parts.list(false);
}

Result replace_text(std::string_view text, std::string_view old, std::string_view by, int64_t most,
                    Budget& budget) {
  std::string out;
  int64_t done = 0;
  const auto may_replace = [&] { return most < 0 || done < most; };
  if (!budget.make(text.size())) return budget.error();
  if (old.empty()) {
    for (size_t at = 0; at <= text.size();) {
      if (may_replace()) {
        if (!budget.make(by.size())) return budget.error();
        out += by;
        ++done;
      }
      if (at == text.size()) break;
      const std::string_view character = character_at(text, at);
      out += character;
      at += character.size();
    }
    return Value::string(std::move(out));
  }
  size_t at = 0;
  while (may_replace()) {
    const size_t found = text.find(old, at);
    if (found == text.npos) break;
    if (!budget.make(by.size())) return budget.error();
    out += text.substr(at, found - at);
    out += by;
    at = found + old.size();
    ++done;
  }
  out += text.substr(at);
  return Value::string(std::move(out));
}

Result join_texts(const List& items, std::string_view separator, Budget& budget) {
  std::string text;
  for (size_t i = 0; i < items.items.size(); ++i) {
    if (i > 0) {
      if (!budget.make(separator.size())) return budget.error();
      text += separator;
    }
    text += to_text(items.items[i], budget);
    if (budget.spent()) return budget.error();
  }
  return Value::string(std::move(text));
}

Result dict_items(const Dict& dict, bool keys, bool values, Budget& budget) {
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items()) {
    if (!budget.make(key.text().size() + 3 * string_bytes)) return budget.error();
    if (keys && values) {
      items.push_back(Value::list({key.value(), value}, true));
      if (!items.back().fits_inside()) return fail("there are too many levels of lists and dicts");
    } else {
      items.push_back(keys ? key.value() : value);
    }
  }
  return Value::list(std::move(items));
}

}  // namespace tern::runtime::jinja

#include "runtime/jinja/values/value_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace tern::runtime::jinja {
namespace {

// Python's repr() of a string: single quotes, unless it has such and no double ones.
void append_quoted(std::string& out, const std::string& text) {
  const bool has_single = text.find('\'') != text.npos, has_double = text.find('"') != text.npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += quote;
}

class TextWriter {
 public:
  explicit TextWriter(Budget& budget) : budget_(budget) {}

  std::string run(const Value& value, bool inside) {
    append(value, inside);
    return std::move(out_);
  }

 private:
  void append_items(const List& list) {
    out_ += list.tuple ? '(' : '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out_ += ", ";
      append(list.items[i], true);
      if (budget_.spent()) return;
    }
    if (list.tuple && list.items.size() == 1) out_ += ',';
    out_ += list.tuple ? ')' : ']';
  }

  void append_pairs(const Dict& dict) {
    out_ += '{';
    for (size_t i = 0; i < dict.items().size(); ++i) {
      if (i > 0) out_ += ", ";
      const auto& [key, value] = dict.items()[i];
      if (!budget_.make(key.text().size())) return;
      if (key.number()) {
        out_ += key.text();
      } else {
        append_quoted(out_, key.text());
      }
      out_ += ": ";
      append(value, true);
      if (budget_.spent()) return;
    }
    out_ += '}';
  }

  void append(const Value& value, bool inside) {
    if (!budget_.make(8)) return;
    switch (value.kind()) {
      case Kind::undefined: return void(out_ += inside ? "Undefined" : "");
      case Kind::none: return void(out_ += "None");
      case Kind::boolean: return void(out_ += value.as_boolean() ? "True" : "False");
      case Kind::integer: return void(out_ += std::to_string(value.as_integer()));
      case Kind::real: return void(out_ += real_text(value.as_real()));
      case Kind::string:
        if (!budget_.make(value.as_string().size())) return;
        return inside ? append_quoted(out_, value.as_string()) : void(out_ += value.as_string());
      case Kind::list: return append_items(*value.as_list());
      case Kind::dict: return append_pairs(value.as_dict());
      case Kind::name_space: return void(out_ += "<Namespace>");
      case Kind::loop: return void(out_ += "<LoopContext>");
      case Kind::callable: return void(out_ += "<function>");
    }
  }

  Budget& budget_;
  std::string out_;
};

}  // namespace

std::string real_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char digits[64];
  const double size = std::fabs(number);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
  const auto end = std::to_chars(digits, digits + sizeof digits, number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(digits, end.ptr);
  if (plain && text.find('.') == text.npos) text += ".0";
  return text;
}

std::string to_text(const Value& value, Budget& budget) {
  return TextWriter(budget).run(value, false);
}

std::string to_literal(const Value& value, Budget& budget) {
  return TextWriter(budget).run(value, true);
}

}  // namespace tern::runtime::jinja

#include "runtime/jinja/parse/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runtime/jinja/parse/string_literal.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::runtime::jinja {
namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f';
}

// Longer ones first.
constexpr std::string_view symbols[] = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<",
                                        ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", ",", ".", ":", "|"};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Expected<std::vector<Token>> run() {
    while (at_ < source_.size()) {
      const size_t tag = find_tag();
      TERN_TRY(add_text(tag));
      if (tag == source_.npos) break;
      at_ = tag;
      const char kind = source_[tag + 1];
      if (const size_t raw = kind == '%' ? keyword_tag(at_, "raw") : 0; raw > 0) {
        TERN_TRY(read_raw(raw));
      } else if (kind == '#') {
        TERN_TRY(skip_comment());
      } else {
        TERN_TRY(read_tag(kind == '%'));
      }
    }
    add(TokenKind::end, source_.size(), source_.size());
    return std::move(tokens_);
  }

 private:
  Error fail(std::string message, size_t offset) const {
    return {std::move(message), location_of(source_, offset)};
  }

  void add(TokenKind kind, size_t begin, size_t end, std::string text = {}) {
    Token token{kind, std::move(text)};
    token.offset = begin;
    token.end = end;
    tokens_.push_back(std::move(token));
  }

  size_t find_tag() const {
    for (size_t at = source_.find('{', at_); at != source_.npos; at = source_.find('{', at + 1)) {
      if (at + 1 < source_.size() && std::string_view("{%#").find(source_[at + 1]) != std::string_view::npos)
        return at;
    }
    return source_.npos;
  }

  // The length of the tag at `tag`, which has nothing but a keyword in it ("{%- raw %}"); 0 if it is another.
  size_t keyword_tag(size_t tag, std::string_view keyword) const {
    size_t at = tag + 2;
    const auto skip_blanks = [&] {
      while (at < source_.size() && is_blank(source_[at])) ++at;
    };
    if (at < source_.size() && (source_[at] == '-' || source_[at] == '+')) ++at;
    skip_blanks();
    if (!source_.substr(std::min(at, source_.size())).starts_with(keyword)) return 0;
    at += keyword.size();
    skip_blanks();
    const std::string_view rest = source_.substr(std::min(at, source_.size()));
    if (rest.starts_with("%}")) return at + 2 - tag;
    return rest.starts_with("-%}") || rest.starts_with("+%}") ? at + 3 - tag : 0;
  }

  // From {% raw %}, which is `length` bytes long, to {% endraw %}: what stands between is text.
  Status read_raw(size_t length) {
    const size_t begin = at_;
    at_ += length;
    // The line end after {% raw %} stays, unlike that after other statements.
    end_tag(source_[at_ - 3], false);
    for (size_t tag = source_.find("{%", at_); tag != source_.npos; tag = source_.find("{%", tag + 2)) {
      const size_t end_length = keyword_tag(tag, "endraw");
      if (end_length == 0) continue;
      TERN_TRY(add_text(tag));
      at_ = tag + end_length;
      end_tag(source_[at_ - 3], true);
      return {};
    }
    return fail("this raw block has no {% endraw %}", begin);
  }

  // The text from at_ up to the tag, or to the end if there is none.
  Status add_text(size_t tag) {
    std::string_view text = source_.substr(at_, tag == source_.npos ? tag : tag - at_);
    if (strip_next_) text = strip_left(text, nullptr);
    const size_t stripped_at = tag == source_.npos ? source_.size() - text.size() : tag - text.size();
    if (tag != source_.npos) {
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
      if (sign == '-') {
        text = strip_right(text, nullptr);
      } else if (sign != '+' && source_[tag + 1] != '{') {
        const size_t line = text.rfind('\n');
        const bool begins_line = line != text.npos || (stripped_at == at_ && at_begins_line_);
        const size_t begin = line == text.npos ? 0 : line + 1;
        if (begins_line && strip_left(text.substr(begin), nullptr).empty()) text = text.substr(0, begin);
      }
    }
    if (!text.empty()) add(TokenKind::text, stripped_at, stripped_at + text.size(), std::string(text));
    return {};
  }

  // After a tag that ended before at_: `sign` is the character before the closing bracket.
  void end_tag(char sign, bool trims_line) {
    strip_next_ = sign == '-';
    at_begins_line_ = false;
    if (!trims_line || sign == '+' || at_ >= source_.size() || source_[at_] != '\n') return;
    ++at_;
    at_begins_line_ = true;
  }

  Status skip_comment() {
    const size_t begin = at_, close = source_.find("#}", at_ + 2);
    if (close == source_.npos) return fail("this comment does not end", begin);
    at_ = close + 2;
    end_tag(close > begin + 2 ? source_[close - 1] : ' ', true);
    return {};
  }

  // Whether a closing bracket stands here; then at_ is moved behind it.
  bool read_close(bool statement) {
    const std::string_view rest = source_.substr(at_), close = statement ? "%}" : "}}";
    const bool has_sign = rest.size() > 2 && (rest[0] == '-' || (rest[0] == '+' && statement)) &&
                          rest.substr(1).starts_with(close);
    if (!has_sign && !rest.starts_with(close)) return false;
    const size_t begin = at_;
    at_ += has_sign ? 3 : 2;
    add(statement ? TokenKind::statement_end : TokenKind::expression_end, begin, at_);
    end_tag(has_sign ? rest[0] : ' ', statement);
    return true;
  }

  Status read_tag(bool statement) {
    const size_t begin = at_;
    at_ += 2;
    if (at_ < source_.size() && (source_[at_] == '-' || (source_[at_] == '+' && statement))) ++at_;
    add(statement ? TokenKind::statement_begin : TokenKind::expression_begin, begin, at_);
    std::string open;  // brackets that wait for their closing ones
    while (true) {
      while (at_ < source_.size() && is_blank(source_[at_])) ++at_;
      if (at_ >= source_.size())
        return fail(statement ? "this statement does not end" : "this expression does not end", begin);
      if (open.empty() && read_close(statement)) return {};
      TERN_TRY(read_token(open));
    }
  }

  Status read_token(std::string& open) {
    const char c = source_[at_];
    if (c == '"' || c == '\'') return read_string();
    if (is_digit(c)) return read_number();
    const size_t begin = at_;
    if (is_name_start(c)) {
      while (at_ < source_.size() && (is_name_start(source_[at_]) || is_digit(source_[at_]))) ++at_;
      add(TokenKind::name, begin, at_, std::string(source_.substr(begin, at_ - begin)));
      return {};
    }
    for (const std::string_view symbol : symbols) {
      if (!source_.substr(at_).starts_with(symbol)) continue;
      if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
      if (c == ')' || c == ']' || c == '}') {
        if (open.empty() || open.back() != c) return fail(fmt::format("'{}' closes nothing here", c), at_);
        open.pop_back();
      }
      at_ += symbol.size();
      add(TokenKind::symbol, begin, at_, std::string(symbol));
      return {};
    }
    return fail(fmt::format("'{}' has no meaning here", character_at(source_, at_)), at_);
  }

  Status read_string() {
    const size_t begin = at_;
    const char quote = source_[at_];
    for (++at_; at_ < source_.size() && source_[at_] != quote; ++at_) {
      if (source_[at_] == '\\') ++at_;
    }
    if (at_ >= source_.size()) return fail("this string does not end", begin);
    Expected<std::string> text = unescaped(source_.substr(begin + 1, at_ - begin - 1));
    if (!text) return fail(text.error().message, begin);
    ++at_;
    add(TokenKind::string, begin, at_, text.take());
    return {};
  }

  // Digits, with single underscores between them, as Python has them.
  std::string read_digits() {
    std::string digits;
    while (at_ < source_.size()) {
      const bool between =
          source_[at_] == '_' && !digits.empty() && at_ + 1 < source_.size() && is_digit(source_[at_ + 1]);
      if (!is_digit(source_[at_]) && !between) break;
      if (!between) digits += source_[at_];
      ++at_;
    }
    return digits;
  }

  Status read_number() {
    const size_t begin = at_;
    std::string digits = read_digits();
    bool real = false;
    // After a dot stands an index: "x.0.1" has no float.
    const bool is_index = tokens_.back().kind == TokenKind::symbol && tokens_.back().text == ".";
    const auto next_is = [&](size_t ahead, const auto& test) {
      return at_ + ahead < source_.size() && test(source_[at_ + ahead]);
    };
    const auto is_sign = [](char c) { return c == '+' || c == '-'; };
    if (!is_index && source_.substr(at_).starts_with('.') && next_is(1, is_digit)) {
      ++at_;
      digits += '.' + read_digits();
      real = true;
    }
    if (!is_index && next_is(0, [](char c) { return c == 'e' || c == 'E'; }) &&
        (next_is(1, is_digit) || (next_is(1, is_sign) && next_is(2, is_digit)))) {
      digits += 'e';
      ++at_;
      if (is_sign(source_[at_])) digits += source_[at_++];
      digits += read_digits();
      real = true;
    }
    if (at_ < source_.size() && is_name_start(source_[at_])) return fail("this is no decimal number", begin);
    add(real ? TokenKind::real : TokenKind::integer, begin, at_);
    Token& token = tokens_.back();
    const char *first = digits.data(), *last = first + digits.size();
    const auto [stop, error] =
        real ? std::from_chars(first, last, token.real) : std::from_chars(first, last, token.integer);
    if (error != std::errc() || stop != last) return fail("this number is out of range", begin);
    return {};
  }

  std::string_view source_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
  bool strip_next_ = false;     // the last tag ended in "-"
  bool at_begins_line_ = true;  // at_ is at the beginning of a line
};

}  // namespace

Location location_of(std::string_view source, size_t offset) {
  const std::string_view before = source.substr(0, std::min(offset, source.size()));
  const size_t line = before.rfind('\n');
  Location where;
  where.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  where.column = 1 + static_cast<int>(line == before.npos ? before.size() : before.size() - line - 1);
  return where;
}

std::string normalized_source(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else if (i + 1 >= source.size() || source[i + 1] != '\n') {
      text += '\n';
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Expected<std::vector<Token>> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace tern::runtime::jinja

#include "ir/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace tern::ir {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool starts_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool continues_word(char c) {
  return starts_word(c) || is_digit(c);
}

// Characters of the number that the text begins with: digits, then a fraction and an exponent if they are
// there.
size_t number_length(std::string_view text) {
  const auto digit_at = [&](size_t i) { return i < text.size() && is_digit(text[i]); };
  size_t length = 0;
  const auto skip_digits = [&] {
    while (digit_at(length)) ++length;
  };
  skip_digits();
  if (length < text.size() && text[length] == '.' && digit_at(length + 1)) {
    ++length;
    skip_digits();
  }
  if (length < text.size() && text[length] == 'e') {
    const bool has_sign = length + 1 < text.size() && (text[length + 1] == '-' || text[length + 1] == '+');
    const size_t digits = length + 1 + has_sign;
    if (digit_at(digits)) {
      length = digits;
      skip_digits();
    }
  }
  return length;
}

}  // namespace

bool is_word(std::string_view text) {
  return !text.empty() && starts_word(text[0]) && std::all_of(text.begin(), text.end(), continues_word);
}

Lexer::Lexer(std::string_view text, std::string_view file) : rest_(text), file_(file) {
  advance();
}

void Lexer::fail(std::string message, Location where) {
  if (failed_) return;
  failed_ = true;
  error_ = {std::move(message), std::move(where)};
  rest_ = token_ = {};
}

void Lexer::advance() {
  const auto skip = [this](size_t count) {
    for (char c : rest_.substr(0, count)) {
      column_ = c == '\n' ? 1 : column_ + 1;
      line_ += c == '\n';
    }
    rest_.remove_prefix(count);
  };
  while (!rest_.empty()) {
    if (rest_.substr(0, 2) == "//")
      skip(std::min(rest_.find('\n'), rest_.size()));
    else if (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r')
      skip(1);
    else
      break;
  }
  location_ = {file_, line_, column_};
  size_t length = rest_.empty() ? 0 : 1;
  if (length == 1 && starts_word(rest_[0])) {
    while (length < rest_.size() && continues_word(rest_[length])) ++length;
  } else if (length == 1 && is_digit(rest_[0])) {
    length = number_length(rest_);
  } else if (rest_.substr(0, 2) == "..") {
    length = 2;
  }
  token_ = rest_.substr(0, length);
  skip(length);
}

bool Lexer::accept(std::string_view token) {
  if (failed_ || token_ != token) return false;
  advance();
  return true;
}

void Lexer::fail_expected(std::string_view what) {
  fail(fmt::format("expected {} but found {}", what,
                   token_.empty() ? "the end" : fmt::format("'{}'", token_)));
}

void Lexer::expect(std::string_view token) {
  if (!accept(token)) fail_expected(fmt::format("'{}'", token));
}

void Lexer::expect_all(std::string_view tokens) {
  while (!tokens.empty()) {
    const size_t space = tokens.find(' ');
    expect(tokens.substr(0, space));
    tokens.remove_prefix(space == std::string_view::npos ? tokens.size() : space + 1);
  }
}

std::string Lexer::word(std::string_view what) {
  if (failed_) return {};
  if (token_.empty() || !starts_word(token_[0])) {
    fail_expected(what);
    return {};
  }
  std::string result(token_);
  advance();
  return result;
}

int64_t Lexer::integer(std::string_view what) {
  const bool negative = accept("-");
  if (failed_) return 0;
  int64_t value = 0;
  const auto [end, problem] = std::from_chars(token_.data(), token_.data() + token_.size(), value);
  if (token_.empty() || problem != std::errc() || end != token_.data() + token_.size()) {
    if (problem == std::errc::result_out_of_range)
      fail(fmt::format("{} is too large", what));
    else
      fail_expected(fmt::format("{}, a whole number,", what));
    return 0;
  }
  advance();
  return negative ? -value : value;
}

float Lexer::number(std::string_view what) {
  const bool negative = accept("-");
  if (failed_) return 0;
  float value = 0;
  const auto [end, problem] = std::from_chars(token_.data(), token_.data() + token_.size(), value);
  if (token_.empty() || problem != std::errc() || end != token_.data() + token_.size()) {
    fail_expected(fmt::format("{}, a number,", what));
    return 0;
  }
  advance();
  return negative ? -value : value;
}

void Lexer::expect_end() {
  if (!token_.empty()) fail_expected("the end");
}

}  // namespace tern::ir

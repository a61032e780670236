// A place among the tokens of a template, while it is parsed.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "runtime/jinja/parse/lexer.h"

namespace tern::runtime::jinja {

class TokenCursor {
 public:
  // Both must outlive the cursor; `tokens` ends in one of kind `end`.
  TokenCursor(std::string_view source, const std::vector<Token>& tokens) : source_(source), tokens_(tokens) {}

  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& next() {
    const Token& token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  // The byte after the token that was read last.
  size_t end_of_last() const { return at_ == 0 ? 0 : tokens_[at_ - 1].end; }

  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_symbol(std::string_view symbol) const { return at(TokenKind::symbol) && peek().text == symbol; }
  bool at_name(std::string_view name, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::name && peek(ahead).text == name;
  }
  // Moves on if the token is this one.
  bool take_symbol(std::string_view symbol) { return at_symbol(symbol) && (next(), true); }
  bool take_name(std::string_view name) { return at_name(name) && (next(), true); }

  Status expect_symbol(std::string_view symbol) {
    if (take_symbol(symbol)) return {};
    return unexpected(fmt::format("'{}'", symbol));
  }
  Expected<std::string> expect_name(std::string_view what) {
    if (!at(TokenKind::name)) return unexpected(what);
    return next().text;
  }

  // "here should be X, not Y", at the current token.
  Error unexpected(std::string_view wanted) const {
    return fail_at(peek().offset, fmt::format("here should be {}, not {}", wanted, describe(peek())));
  }
  Error fail_at(size_t offset, std::string message) const {
    return {std::move(message), location_of(source_, offset)};
  }
  std::string_view source() const { return source_; }

 private:
  static std::string describe(const Token& token) {
    switch (token.kind) {
      case TokenKind::text: return "text";
      case TokenKind::expression_begin: return "an expression";
      case TokenKind::statement_begin: return "a statement";
      case TokenKind::expression_end:
      case TokenKind::statement_end: return "the end of the tag";
      case TokenKind::name:
      case TokenKind::symbol: return fmt::format("'{}'", token.text);
      case TokenKind::string: return "a string";
      case TokenKind::integer:
      case TokenKind::real: return "a number";
      case TokenKind::end: return "the end of the template";
    }
    return {};
  }

  std::string_view source_;
  const std::vector<Token>& tokens_;
  size_t at_ = 0;
};

}  // namespace tern::runtime::jinja

// The words and symbols of Tern's textual forms, with the location of each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::ir {

// True for a word as the Lexer takes it: what a thing in any of the forms may be called.
bool is_word(std::string_view text);

// Walks a text token by token: words ([A-Za-z_][A-Za-z0-9_]*), numbers (12, 0.5, 1e-05), ".." and single
// symbols. "//" starts a comment, which ends with the line. The first mistake is kept; after it every call
// returns at once.
class Lexer {
 public:
  Lexer(std::string_view text, std::string_view file);

  bool failed() const { return failed_; }
  const Error& error() const { return error_; }
  // Records `message` at the location `where`, if it is the first mistake.
  void fail(std::string message, Location where);
  void fail(std::string message) { fail(std::move(message), here()); }

  // The location of the next token.
  Location here() const { return location_; }
  bool at_end() const { return token_.empty(); }
  std::string_view peek() const { return token_; }

  // Takes the next token if it is `token`.
  bool accept(std::string_view token);
  void expect(std::string_view token);
  // Expects several tokens separated by spaces.
  void expect_all(std::string_view tokens);
  std::string word(std::string_view what);
  int64_t integer(std::string_view what);  // with an optional minus sign
  float number(std::string_view what);     // the nearest f32; with an optional minus sign
  void expect_end();

 private:
  void advance();
  // "expected WHAT but found 'TOKEN'".
  void fail_expected(std::string_view what);

  std::string_view rest_;
  std::string_view token_;
  std::string file_;
  Location location_;
  int line_ = 1;
  int column_ = 1;
  bool failed_ = false;
  Error error_;
};

}  // namespace tern::ir

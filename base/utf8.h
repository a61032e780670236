// UTF-8, one character at a time: what the bytes at the front of a text are.
#pragma once

#include <cstddef>
#include <string_view>

namespace tern {

enum class Utf8Kind {
  character,   // one well-formed character
  incomplete,  // the text ends inside what may still become a character
  invalid      // no character begins like this
};

// `length` bytes at the front of a text. For `incomplete` and `invalid` it is the longest prefix of a
// well-formed character that is there, and at least one byte: what the Unicode Standard (3.9, "maximal
// subpart") replaces by one U+FFFD.
struct Utf8Step {
  Utf8Kind kind;
  size_t length;
};

// Classifies the front of `text`, which must not be empty. Well-formed is table 3-7 of the Unicode Standard:
// no overlong forms, no surrogates, nothing above U+10FFFF.
Utf8Step utf8_step(std::string_view text);

// Whether no well-formed text has this byte: C0, C1 and F5 to FF, by the same table.
constexpr bool is_never_in_utf8(unsigned char byte) {
  return byte == 0xc0 || byte == 0xc1 || byte >= 0xf5;
}

// Number of bytes at the front of `text` that are well-formed characters.
size_t utf8_valid_prefix(std::string_view text);

}  // namespace tern

// Bytes of tokens in, text out: holds back what may still become a character.
#pragma once

#include <string>
#include <string_view>

namespace tern::runtime {

// A token may end in the middle of a character, so what a stream of tokens stands for can be shown only up
// to the last whole character. All that comes out is well-formed UTF-8: bytes that cannot become a character
// are replaced by U+FFFD, one for each maximal subpart (see utf8_step).
class StreamDecoder {
 public:
  // With `drop_first_space` one space at the very beginning is left out: see Tokenizer::adds_space_prefix.
  explicit StreamDecoder(bool drop_first_space = false) : drop_first_space_(drop_first_space) {}

  // Takes the bytes of one more token (Tokenizer::decode) and returns the text that is now complete.
  std::string push(std::string_view bytes);

  // Ends the stream: returns U+FFFD for a character that was begun and not finished, else nothing.
  std::string flush();

 private:
  std::string pending_;  // the beginning of a character; at most three bytes between calls
  bool drop_first_space_;
};

}  // namespace tern::runtime

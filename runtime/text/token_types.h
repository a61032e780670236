// What kind of token each one is, where a file says so and where it does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// The byte that the text "<0xNN>" names: exactly two hexadecimal digits of either case. Nothing for other
// texts.
std::optional<unsigned char> byte_of_token_text(std::string_view text);

// One type a token, for a vocabulary that passed check: what the file says; or, where it says nothing, what
// the token's text and role suggest. Tokens that are known to end a text, such as <|eot_id|>, are control
// tokens even if the file calls them normal: files like that exist, and their users would see the token
// instead of the end.
std::vector<TokenType> token_types(const Vocabulary& vocabulary);

// Tells whether a text is a known end of a text, a turn or a message, such as <|eot_id|> or </s>. Most
// are also in llama.cpp's list (src/llama-vocab.cpp).
bool is_known_end(std::string_view text);

// The tokens that end a text: those the file names as end of text, turn or message, and control tokens whose
// text is a known end such as <|eot_id|>, <|im_end|> or </s>. Sorted. `types` is token_types(vocabulary).
std::vector<uint32_t> end_tokens(const Vocabulary& vocabulary, const std::vector<TokenType>& types);

// The token that begins a text: the one that the file names; else, where the file is silent, the control
// token with one of the known texts <|begin_of_text|>, <s> and <bos>.
std::optional<uint32_t> beginning_token(const Vocabulary& vocabulary, const std::vector<TokenType>& types);

}  // namespace tern::runtime

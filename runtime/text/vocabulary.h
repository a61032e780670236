// A model's vocabulary, as its file states it. The tokenizer is made from this and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/expected.h"

namespace tern::runtime {

// The kinds of token of `tokenizer.ggml.token_type`.
enum class TokenType : int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

// The `tokenizer.*` keys of a GGUF file, as they stand there: see check. Lists that a file lacks are empty.
struct Vocabulary {
  std::string model;                // "gpt2": byte-level BPE; "llama": SentencePiece BPE
  std::string pre;                  // pre-tokenizer name; empty where the file does not say
  std::vector<std::string> tokens;  // text by id; byte-level BPE text is in GPT-2's printable alphabet
  std::vector<float> scores;
  std::vector<TokenType> types;
  std::vector<std::string> merges;  // "left right", by rank
  std::optional<uint32_t> beginning_of_text, end_of_text, end_of_turn, end_of_message, unknown, padding;
  std::optional<bool> add_beginning_of_text, add_end_of_text, add_space_prefix;
  std::string chat_template;
};

// Tells whether a tokenizer may be made from this: there are tokens, scores and types come one a token or
// (except the scores of "llama") not at all, types are known ones, no score is NaN, byte tokens of "llama"
// are written
// "<0xNN>", ids are below tokens.size(), and each merge is two texts with one space between them. Whether
// those texts are tokens is found out when the merges are looked up: see Tokenizer::make.
Status check(const Vocabulary& vocabulary);

}  // namespace tern::runtime

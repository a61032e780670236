// A model's vocabulary, as its file states it. The tokenizer is made from this and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/expected.h"
#include "runtime/text/splitting_rules.h"

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
  std::string model;  // "gpt2": byte-level BPE; "llama": SentencePiece BPE
  std::string pre;    // pre-tokenizer name; empty where the file does not say
  // The rules of a byte-level BPE that no name stands for. `pre` is then "tern", a name that other programs
  // refuse. In a GGUF file: the keys tokenizer.tern.patterns (strings), .ignore_merges and .nfc (booleans).
  std::optional<SplittingRules> own_rules;
  std::vector<std::string> tokens;  // text by id; byte-level BPE text is in GPT-2's printable alphabet
  std::vector<float> scores;
  std::vector<TokenType> types;
  // "left right", by rank. SentencePiece BPE does without: scores rank what may be joined; but where there
  // are merges, as in a tokenizer.json, nothing else is joined.
  std::vector<std::string> merges;
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

// A model's vocabulary, as its file states it. The tokenizer is made from this and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tern::runtime {

// The kinds of token of `tokenizer.ggml.token_type`.
enum class TokenType : int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

// The `tokenizer.*` keys of a GGUF file. Lists that a file lacks are empty; ids are checked to be below
// tokens.size() by whoever fills this in, and scores and types have one entry a token or none at all.
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

}  // namespace tern::runtime

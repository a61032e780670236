// The keys of GGUF files that hold a vocabulary, as tables for what reads and what writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// A key that holds one field as it is.
template <class T>
struct VocabularyKey {
  std::string_view key;
  T Vocabulary::*field;
};

// An empty text is not written.
inline constexpr VocabularyKey<std::string> vocabulary_texts[] = {
    {"tokenizer.ggml.model", &Vocabulary::model},
    {"tokenizer.ggml.pre", &Vocabulary::pre},
};
// Tokens that have a meaning: ids.
inline constexpr VocabularyKey<std::optional<uint32_t>> vocabulary_ids[] = {
    {"tokenizer.ggml.bos_token_id", &Vocabulary::beginning_of_text},
    {"tokenizer.ggml.eos_token_id", &Vocabulary::end_of_text},
    {"tokenizer.ggml.eot_token_id", &Vocabulary::end_of_turn},
    {"tokenizer.ggml.eom_token_id", &Vocabulary::end_of_message},
    {"tokenizer.ggml.unknown_token_id", &Vocabulary::unknown},
    {"tokenizer.ggml.padding_token_id", &Vocabulary::padding},
};
inline constexpr VocabularyKey<std::optional<bool>> vocabulary_flags[] = {
    {"tokenizer.ggml.add_bos_token", &Vocabulary::add_beginning_of_text},
    {"tokenizer.ggml.add_eos_token", &Vocabulary::add_end_of_text},
    {"tokenizer.ggml.add_space_prefix", &Vocabulary::add_space_prefix},
};

inline constexpr std::string_view chat_template_key = "tokenizer.chat_template";
// Lists of the vocabulary.
inline constexpr std::string_view tokens_key = "tokenizer.ggml.tokens", scores_key = "tokenizer.ggml.scores",
                                  types_key = "tokenizer.ggml.token_type",
                                  merges_key = "tokenizer.ggml.merges";
// Vocabulary::own_rules.
inline constexpr std::string_view patterns_key = "tokenizer.tern.patterns",
                                  whole_pieces_key = "tokenizer.tern.ignore_merges",
                                  nfc_key = "tokenizer.tern.nfc";

}  // namespace tern::runtime

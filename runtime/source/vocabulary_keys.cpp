#include "runtime/source/vocabulary_keys.h"

#include <cstdint>

#include "runtime/text/vocabulary_keys.h"

namespace tern::runtime {

std::vector<std::pair<std::string, GgufValue>> vocabulary_keys(Vocabulary vocabulary) {
  std::vector<std::pair<std::string, GgufValue>> keys;
  const auto add = [&](std::string_view key, GgufValue value) {
    keys.emplace_back(std::string(key), std::move(value));
  };
  const auto add_optional = [&](const auto& table) {
    for (const auto& [key, field] : table) {
      if (vocabulary.*field) add(key, *(vocabulary.*field));
    }
  };
  std::vector<int32_t> types;
  for (const TokenType type : vocabulary.types) types.push_back(static_cast<int32_t>(type));
  for (const auto& [key, field] : vocabulary_texts) {
    if (!(vocabulary.*field).empty()) add(key, vocabulary.*field);
  }
  add(tokens_key, std::move(vocabulary.tokens));
  if (!vocabulary.scores.empty()) add(scores_key, std::move(vocabulary.scores));
  if (!types.empty()) add(types_key, std::move(types));
  if (!vocabulary.merges.empty()) add(merges_key, std::move(vocabulary.merges));
  if (vocabulary.own_rules) {
    add(patterns_key, std::move(vocabulary.own_rules->patterns));
    add(whole_pieces_key, vocabulary.own_rules->whole_pieces_first);
    add(nfc_key, vocabulary.own_rules->normalizes_nfc);
  }
  add_optional(vocabulary_ids);
  add_optional(vocabulary_flags);
  if (!vocabulary.chat_template.empty()) add(chat_template_key, std::move(vocabulary.chat_template));
  return keys;
}

}  // namespace tern::runtime

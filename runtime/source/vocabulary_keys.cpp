#include "runtime/source/vocabulary_keys.h"

#include <cstdint>

namespace tern::runtime {

std::vector<std::pair<std::string, GgufValue>> vocabulary_keys(Vocabulary vocabulary) {
  std::vector<std::pair<std::string, GgufValue>> keys;
  const auto add = [&](const char* name, GgufValue value) {
    keys.emplace_back("tokenizer." + std::string(name), std::move(value));
  };
  const auto add_optional = [&](const char* name, const auto& value) {
    if (value) add(name, *value);
  };
  std::vector<int32_t> types;
  for (const TokenType type : vocabulary.types) types.push_back(static_cast<int32_t>(type));
  add("ggml.model", vocabulary.model);
  if (!vocabulary.pre.empty()) add("ggml.pre", vocabulary.pre);
  add("ggml.tokens", std::move(vocabulary.tokens));
  if (!vocabulary.scores.empty()) add("ggml.scores", std::move(vocabulary.scores));
  if (!types.empty()) add("ggml.token_type", std::move(types));
  if (!vocabulary.merges.empty()) add("ggml.merges", std::move(vocabulary.merges));
  if (vocabulary.own_rules) {
    add("tern.patterns", std::move(vocabulary.own_rules->patterns));
    add("tern.ignore_merges", vocabulary.own_rules->whole_pieces_first);
    add("tern.nfc", vocabulary.own_rules->normalizes_nfc);
  }
  add_optional("ggml.bos_token_id", vocabulary.beginning_of_text);
  add_optional("ggml.eos_token_id", vocabulary.end_of_text);
  add_optional("ggml.eot_token_id", vocabulary.end_of_turn);
  add_optional("ggml.eom_token_id", vocabulary.end_of_message);
  add_optional("ggml.unknown_token_id", vocabulary.unknown);
  add_optional("ggml.padding_token_id", vocabulary.padding);
  add_optional("ggml.add_bos_token", vocabulary.add_beginning_of_text);
  add_optional("ggml.add_eos_token", vocabulary.add_end_of_text);
  add_optional("ggml.add_space_prefix", vocabulary.add_space_prefix);
  if (!vocabulary.chat_template.empty()) add("chat_template", std::move(vocabulary.chat_template));
  return keys;
}

}  // namespace tern::runtime

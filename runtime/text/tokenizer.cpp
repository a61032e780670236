#include "runtime/text/tokenizer.h"

#include <algorithm>

#include "runtime/text/token_types.h"

namespace tern::runtime {
namespace {

// Whether one of the cuts lies inside a match.
bool is_cut(const SpecialTokens::Match& match, std::span<const size_t> cuts) {
  const auto after = std::upper_bound(cuts.begin(), cuts.end(), match.begin);
  return after != cuts.end() && *after < match.begin + match.length;
}

const TokenTable& table_of(const std::variant<ByteLevelBpe, SentencePieceBpe>& model) {
  return std::visit([](const auto& bpe) -> const TokenTable& { return bpe.tokens(); }, model);
}

SpecialTokens special_tokens(const TokenTable& table, const std::vector<TokenType>& types,
                             bool with_control) {
  std::vector<SpecialTokens::Entry> entries;
  for (uint32_t id = 0; id < types.size(); ++id) {
    const bool is_control = types[id] == TokenType::control || types[id] == TokenType::unknown;
    if (types[id] == TokenType::user_defined || (with_control && is_control)) {
      entries.push_back({table.bytes(id), id});
    }
  }
  return SpecialTokens(std::move(entries));
}

}  // namespace

Tokenizer::Tokenizer(const Vocabulary& vocabulary, std::vector<TokenType> types, Model model,
                     bool adds_beginning_of_text)
    : model_(std::move(model)),
      texts_(vocabulary.tokens),
      types_(std::move(types)),
      user_defined_(special_tokens(table_of(model_), types_, false)),
      user_defined_and_control_(special_tokens(table_of(model_), types_, true)),
      ends_(end_tokens(vocabulary, types_)),
      beginning_of_text_(beginning_token(vocabulary, types_)),
      adds_beginning_of_text_(beginning_of_text_ &&
                              vocabulary.add_beginning_of_text.value_or(adds_beginning_of_text)),
      end_of_text_(vocabulary.end_of_text),
      adds_end_of_text_(end_of_text_ && vocabulary.add_end_of_text.value_or(false)),
      adds_space_prefix_(std::holds_alternative<SentencePieceBpe>(model_) &&
                         vocabulary.add_space_prefix.value_or(true)) {}

Expected<Tokenizer> Tokenizer::make(const Vocabulary& vocabulary, std::string_view pre_override) {
  TERN_TRY(check(vocabulary));
  std::vector<TokenType> types = token_types(vocabulary);
  if (vocabulary.model == "gpt2") {
    const std::string_view pre = pre_override.empty() ? vocabulary.pre : pre_override;
    const bool has_own = pre_override.empty() && vocabulary.own_rules;
    TERN_ASSIGN(auto rules, has_own ? Expected<SplittingRules>(*vocabulary.own_rules)
                                    : splitting_rules(pre, vocabulary.tokens.size()));
    TERN_ASSIGN(auto bpe, ByteLevelBpe::make(vocabulary, types, rules));
    return Tokenizer(vocabulary, std::move(types), std::move(bpe), rules.adds_beginning_of_text);
  }
  if (vocabulary.model == "llama") {
    if (!pre_override.empty()) return Error{"--pre has no meaning for a SentencePiece vocabulary"};
    TERN_ASSIGN(auto bpe, SentencePieceBpe::make(vocabulary, types));
    return Tokenizer(vocabulary, std::move(types), std::move(bpe), true);
  }
  return Error{"the tokenizer model '" + vocabulary.model + "' is not supported; 'gpt2' and 'llama' are"};
}

void Tokenizer::encode_plain(std::string_view text, bool space_first, std::vector<uint32_t>& ids) const {
  if (text.empty()) return;
  if (const auto* byte_level = std::get_if<ByteLevelBpe>(&model_)) {
    byte_level->encode(text, ids);
  } else {
    std::get<SentencePieceBpe>(model_).encode(text, space_first, ids);
  }
}

std::vector<uint32_t> Tokenizer::encode(std::string_view text, bool parse_special,
                                        std::span<const size_t> cuts) const {
  const SpecialTokens& specials = parse_special ? user_defined_and_control_ : user_defined_;
  std::vector<uint32_t> ids;
  bool at_beginning = true;  // of the text, or of what a control token set off from it
  for (size_t at = 0; at < text.size();) {
    auto special = specials.find(text, at);
    while (special && types_[special->token] == TokenType::control && is_cut(*special, cuts))
      special = specials.find(text, special->begin + 1);
    const size_t end = special ? special->begin : text.size();
    encode_plain(text.substr(at, end - at), at_beginning && adds_space_prefix_, ids);
    if (!special) break;
    ids.push_back(special->token);
    at_beginning = types_[special->token] == TokenType::control;
    at = end + special->length;
  }
  return ids;
}

std::vector<size_t> Tokenizer::control_texts(std::string_view text) const {
  std::vector<size_t> places;
  for (auto match = user_defined_and_control_.find(text, 0); match;
       match = user_defined_and_control_.find(text, match->begin + 1)) {
    if (types_[match->token] == TokenType::control) places.push_back(match->begin);
  }
  return places;
}

std::vector<uint32_t> Tokenizer::encode_from_beginning(std::string_view text, bool parse_special) const {
  std::vector<uint32_t> ids = encode(text, parse_special);
  const bool is_there = !ids.empty() && ids.front() == beginning_of_text_;
  if (adds_beginning_of_text_ && !is_there) ids.insert(ids.begin(), *beginning_of_text_);
  return ids;
}

std::vector<uint32_t> Tokenizer::encode_whole(std::string_view text, bool parse_special) const {
  std::vector<uint32_t> ids = encode_from_beginning(text, parse_special);
  const bool is_there = !ids.empty() && ids.back() == end_of_text_;
  if (adds_end_of_text_ && !is_there) ids.push_back(*end_of_text_);
  return ids;
}

std::string Tokenizer::decode(uint32_t id) const {
  if (id >= size()) return {};
  switch (types_[id]) {
    case TokenType::normal:
    case TokenType::user_defined:
    case TokenType::byte: return table_of(model_).bytes(id);
    case TokenType::unknown:
    case TokenType::control:
    case TokenType::unused: break;
  }
  return {};
}

std::string Tokenizer::decode(std::span<const uint32_t> ids) const {
  std::string bytes;
  for (const uint32_t id : ids) bytes += decode(id);
  if (adds_space_prefix_ && bytes.starts_with(' ')) bytes.erase(0, 1);
  return bytes;
}

bool Tokenizer::is_end(uint32_t id) const {
  return std::binary_search(ends_.begin(), ends_.end(), id);
}

}  // namespace tern::runtime

#include "runtime/text/token_types.h"

#include <algorithm>
#include <charconv>

namespace tern::runtime {
namespace {

// Texts that no prose has by chance, so that they may be recognised whatever the file calls them.
constexpr std::string_view certain_ends[] = {"<|eot_id|>",    "<|eom_id|>", "<|end_of_text|>", "<|im_end|>",
                                             "<|endoftext|>", "<|end|>",    "<end_of_turn>"};
// Texts that may also be mark-up that somebody writes about: ends only as control tokens.
constexpr std::string_view possible_ends[] = {"</s>",       "<eos>",
                                              "<EOT>",      "[EOS]",
                                              "[EOT]",      "<end_of_utterance>",
                                              "<|return|>", "<\uff5cend\u2581of\u2581sentence\uff5c>"};
constexpr std::string_view beginnings[] = {"<|begin_of_text|>", "<s>", "<bos>"};

template <size_t count>
bool is_one_of(std::string_view text, const std::string_view (&texts)[count]) {
  return std::find(std::begin(texts), std::end(texts), text) != std::end(texts);
}

bool looks_like_control(std::string_view text, bool sentencepiece) {
  if (sentencepiece && (text == "<s>" || text == "</s>")) return true;
  return text.size() > 4 && text.starts_with("<|") && text.ends_with("|>");
}

TokenType guess(const Vocabulary& vocabulary, uint32_t id) {
  const std::string& text = vocabulary.tokens[id];
  const bool sentencepiece = vocabulary.model == "llama";
  if (id == vocabulary.unknown) return TokenType::unknown;
  for (const auto& role : {vocabulary.beginning_of_text, vocabulary.end_of_text, vocabulary.end_of_turn,
                           vocabulary.end_of_message, vocabulary.padding}) {
    if (id == role) return TokenType::control;
  }
  if (looks_like_control(text, sentencepiece)) return TokenType::control;
  if (sentencepiece && byte_of_token_text(text)) return TokenType::byte;
  return TokenType::normal;
}

}  // namespace

std::optional<unsigned char> byte_of_token_text(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || !text.ends_with('>')) return std::nullopt;
  unsigned char byte = 0;
  const char* end = text.data() + 5;
  const auto [stop, error] = std::from_chars(text.data() + 3, end, byte, 16);  // takes neither sign nor space
  if (error != std::errc() || stop != end) return std::nullopt;
  return byte;
}

std::vector<TokenType> token_types(const Vocabulary& vocabulary) {
  std::vector<TokenType> types = vocabulary.types;
  if (types.empty()) {
    for (uint32_t id = 0; id < vocabulary.tokens.size(); ++id) types.push_back(guess(vocabulary, id));
  }
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] == TokenType::normal && is_one_of(vocabulary.tokens[id], certain_ends)) {
      types[id] = TokenType::control;
    }
  }
  return types;
}

bool is_known_end(std::string_view text) {
  return is_one_of(text, certain_ends) || is_one_of(text, possible_ends);
}

std::vector<uint32_t> end_tokens(const Vocabulary& vocabulary, const std::vector<TokenType>& types) {
  std::vector<uint32_t> ends;
  for (uint32_t id = 0; id < types.size(); ++id) {
    const std::string& text = vocabulary.tokens[id];
    const bool named =
        id == vocabulary.end_of_text || id == vocabulary.end_of_turn || id == vocabulary.end_of_message;
    if (named || (types[id] == TokenType::control && is_known_end(text))) ends.push_back(id);
  }
  return ends;
}

std::optional<uint32_t> beginning_token(const Vocabulary& vocabulary, const std::vector<TokenType>& types) {
  if (vocabulary.beginning_of_text) return vocabulary.beginning_of_text;
  for (uint32_t id = 0; id < types.size(); ++id) {
    if (types[id] == TokenType::control && is_one_of(vocabulary.tokens[id], beginnings)) return id;
  }
  return std::nullopt;
}

}  // namespace tern::runtime

#include "runtime/model/synth_vocabulary.h"

#include <fmt/format.h>

#include <cassert>
#include <string_view>

#include "runtime/text/byte_alphabet.h"

namespace tern::runtime {
namespace {

constexpr std::string_view letters = "etaoinshrdlcumwfgypbvkjxqz";  // the commonest first

void add(Vocabulary& vocabulary, std::string text, TokenType type) {
  vocabulary.tokens.push_back(std::move(text));
  vocabulary.types.push_back(type);
}

// Appends strings of letters until there are `count` tokens. Every token from `first` on, and then every one
// that this makes, is continued by each letter, so shorter strings get lower ranks.
void add_merges(Vocabulary& vocabulary, uint32_t count) {
  std::vector<std::string> starts = {to_byte_alphabet(" ")};
  for (const char letter : letters) starts.emplace_back(1, letter);
  const size_t first_made = vocabulary.tokens.size();
  for (size_t next = 0; vocabulary.tokens.size() < count; ++next) {
    const std::string left =
        next < starts.size() ? starts[next] : vocabulary.tokens[first_made + next - starts.size()];
    for (size_t i = 0; i < letters.size() && vocabulary.tokens.size() < count; ++i) {
      vocabulary.merges.push_back(left + ' ' + letters[i]);
      add(vocabulary, left + letters[i], TokenType::normal);
    }
  }
}

}  // namespace

Vocabulary synthesize_vocabulary(uint32_t size) {
  assert(size >= min_synthetic_vocabulary && size <= max_synthetic_vocabulary);
  const uint32_t specials = size >= 100'000 ? 256 : 4;  // large vocabularies reserve many, as LLaMA-3's does
  Vocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "llama-bpe";
  vocabulary.tokens.reserve(size);
  for (unsigned byte = 0; byte < 256; ++byte) {
    add(vocabulary, to_byte_alphabet(std::string(1, static_cast<char>(byte))), TokenType::normal);
  }
  add_merges(vocabulary, size - specials);
  vocabulary.beginning_of_text = size - specials;
  vocabulary.end_of_text = size - specials + 1;
  vocabulary.end_of_turn = size - specials + 2;
  vocabulary.add_beginning_of_text = true;
  for (const char* name : {"<|begin_of_text|>", "<|end_of_text|>", "<|end_of_turn|>"}) {
    add(vocabulary, name, TokenType::control);
  }
  for (uint32_t i = 0; vocabulary.tokens.size() < size; ++i) {
    add(vocabulary, fmt::format("<|reserved_{}|>", i), TokenType::control);
  }
  return vocabulary;
}

}  // namespace tern::runtime

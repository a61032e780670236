// Vocabularies small enough to reason about, and texts to try them on.
#pragma once

#include <array>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/text/byte_alphabet.h"
#include "runtime/text/vocabulary.h"
#include "tests/support/utf8_of.h"

namespace tern::runtime {

inline constexpr std::string_view sample_text =
    "It was the best of words, it was the worst of words; it was a word of three or four letters. "
    "The words were there, they're here, and there were 12345 of them in the end.";

// The most frequent pair of neighbours, neither of them empty; the first in byte order of equals. Two empty
// texts if there is none.
inline std::pair<std::string, std::string> most_frequent_pair(const std::vector<std::string>& symbols) {
  std::map<std::pair<std::string, std::string>, int> counts;
  for (size_t i = 0; i + 1 < symbols.size(); ++i) {
    if (!symbols[i].empty() && !symbols[i + 1].empty()) ++counts[{symbols[i], symbols[i + 1]}];
  }
  if (counts.empty()) return {};
  auto best = counts.begin();
  for (auto it = counts.begin(); it != counts.end(); ++it) {
    if (it->second > best->second) best = it;
  }
  return best->first;
}

// Byte-level BPE with the 256 bytes as tokens 0 to 255 and up to `merge_count` merges trained on sample_text
// (no merge makes a token with a space inside), then <|begin_of_text|>, <|end_of_text|>, <|eot_id|> and a
// user-defined token "[box]".
inline Vocabulary byte_level_vocabulary(size_t merge_count) {
  Vocabulary vocabulary{.model = "gpt2", .pre = "llama-bpe"};
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary.tokens.push_back(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  }
  std::vector<std::string> symbols;
  for (const char c : sample_text) {
    if (c == ' ') symbols.emplace_back();  // an empty symbol between words keeps pairs from spanning them
    symbols.emplace_back(1, c);
  }
  for (size_t rank = 0; rank < merge_count; ++rank) {
    const auto [left, right] = most_frequent_pair(symbols);
    if (left.empty()) break;
    std::vector<std::string> joined;
    for (size_t i = 0; i < symbols.size(); ++i) {
      const bool match = i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
      joined.push_back(match ? left + right : symbols[i]);
      if (match) ++i;
    }
    symbols = joined;
    vocabulary.merges.push_back(to_byte_alphabet(left) + " " + to_byte_alphabet(right));
    vocabulary.tokens.push_back(to_byte_alphabet(left + right));
  }
  vocabulary.types.assign(vocabulary.tokens.size(), TokenType::normal);
  for (const char* text : {"<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"}) {
    vocabulary.tokens.emplace_back(text);
    vocabulary.types.push_back(TokenType::control);
  }
  vocabulary.tokens.emplace_back("[box]");
  vocabulary.types.push_back(TokenType::user_defined);
  return vocabulary;
}

// SentencePiece with <unk>, <s>, </s>, the 256 bytes and then `pieces`, scored in their order, best first.
inline Vocabulary sentencepiece_vocabulary(const std::vector<std::string>& pieces) {
  Vocabulary vocabulary{.model = "llama"};
  const auto add = [&](std::string text, TokenType type, float score) {
    vocabulary.tokens.push_back(std::move(text));
    vocabulary.types.push_back(type);
    vocabulary.scores.push_back(score);
  };
  add("<unk>", TokenType::unknown, 0);
  add("<s>", TokenType::control, 0);
  add("</s>", TokenType::control, 0);
  const char digits[] = "0123456789ABCDEF";
  for (size_t byte = 0; byte < 256; ++byte) {
    add(std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">", TokenType::byte, 0);
  }
  for (size_t i = 0; i < pieces.size(); ++i) add(pieces[i], TokenType::normal, -static_cast<float>(i));
  vocabulary.unknown = 0;
  vocabulary.beginning_of_text = 1;
  vocabulary.end_of_text = 2;
  return vocabulary;
}

inline std::string random_bytes(std::mt19937& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random() & 0xff);
  return bytes;
}

// Characters of many scripts, white space, digits, marks and words of sample_text.
inline std::string random_text(std::mt19937& random, size_t size) {
  static constexpr std::array<std::pair<uint32_t, uint32_t>, 12> ranges{{{0x00, 0x7f},
                                                                         {0x20, 0x7e},
                                                                         {0x80, 0x24f},
                                                                         {0x300, 0x3ff},
                                                                         {0x400, 0x6ff},
                                                                         {0x900, 0x97f},
                                                                         {0x2000, 0x206f},
                                                                         {0x2150, 0x218b},
                                                                         {0x3000, 0x30ff},
                                                                         {0x4e00, 0x9fff},
                                                                         {0xe000, 0xffff},
                                                                         {0x1f300, 0x1faff}}};
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    if (random() % 3 == 0) {
      const size_t begin = random() % sample_text.size();
      text += sample_text.substr(begin, random() % 12);
    } else {
      const auto [low, high] = ranges[random() % ranges.size()];
      text += testing::utf8_of(low + static_cast<uint32_t>(random() % (high - low + 1)));
    }
  }
  return text;
}

}  // namespace tern::runtime

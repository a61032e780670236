#include "runtime/text/byte_alphabet.h"

#include <array>

namespace tern::runtime {
namespace {

constexpr size_t letter_count = 0x100 + 68;  // the highest letter is U+0143
constexpr int no_byte = -1;

constexpr bool stands_for_itself(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct Alphabet {
  std::array<int, 256> letter_of{};
  std::array<int, letter_count> byte_of{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (int& byte : alphabet.byte_of) byte = no_byte;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const int letter = stands_for_itself(byte) ? byte : next++;
    alphabet.letter_of[static_cast<size_t>(byte)] = letter;
    alphabet.byte_of[static_cast<size_t>(letter)] = byte;
  }
  return alphabet;
}

constexpr Alphabet alphabet = make_alphabet();

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const int letter = alphabet.letter_of[static_cast<unsigned char>(c)];
    if (letter < 0x80) {
      text += static_cast<char>(letter);
    } else {  // every letter is below U+0800: two bytes of UTF-8
      text += static_cast<char>(0xc0 | (letter >> 6));
      text += static_cast<char>(0x80 | (letter & 0x3f));
    }
  }
  return text;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size(); ++at) {
    size_t letter = static_cast<unsigned char>(text[at]);
    if (letter >= 0x80) {
      if (letter < 0xc2 || letter > 0xdf || ++at == text.size()) return std::nullopt;
      const auto second = static_cast<unsigned char>(text[at]);
      if ((second & 0xc0) != 0x80) return std::nullopt;
      letter = ((letter & 0x1f) << 6) | (second & 0x3fu);
    }
    if (letter >= letter_count || alphabet.byte_of[letter] == no_byte) return std::nullopt;
    bytes += static_cast<char>(alphabet.byte_of[letter]);
  }
  return bytes;
}

}  // namespace tern::runtime

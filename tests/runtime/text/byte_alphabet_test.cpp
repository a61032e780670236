#include "runtime/text/byte_alphabet.h"

#include <gtest/gtest.h>

#include <set>

namespace tern::runtime {
namespace {

TEST(ByteAlphabet, EveryByteHasALetterOfItsOwn) {
  std::set<std::string> letters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    const std::string letter = to_byte_alphabet(bytes);
    EXPECT_TRUE(letters.insert(letter).second);
    EXPECT_EQ(from_byte_alphabet(letter), bytes);
  }
}

TEST(ByteAlphabet, KnownLetters) {
  EXPECT_EQ(to_byte_alphabet(" the\n"), "\u0120the\u010a");
  EXPECT_EQ(to_byte_alphabet(std::string(1, '\0')), "\u0100");
  EXPECT_EQ(to_byte_alphabet("\u00e9"), "\u00c3\u00a9");
  EXPECT_EQ(to_byte_alphabet("\xad"), "\u0143");
}

TEST(ByteAlphabet, OtherCharactersAreNotInIt) {
  for (const char* text :
       {" ", "\n", "\u00a0", "\u00ad", "\u0144", "\u2581", "\xff", "\xc3", "\xc3z", "\xc0\xa1"}) {
    EXPECT_EQ(from_byte_alphabet(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tern::runtime

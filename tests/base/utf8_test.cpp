#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/utf8_of.h"

namespace tern {
namespace {

using testing::utf8_of;

TEST(Utf8, EveryCharacterIsOneAndItsPrefixesAreIncomplete) {
  for (uint32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const std::string text = utf8_of(code);
    for (size_t length = 1; length < text.size(); ++length) {
      const Utf8Step step = utf8_step(std::string_view(text).substr(0, length));
      ASSERT_TRUE(step.kind == Utf8Kind::incomplete && step.length == length) << code;
    }
    const Utf8Step step = utf8_step(text + "\x80");
    ASSERT_TRUE(step.kind == Utf8Kind::character && step.length == text.size()) << code;
  }
}

TEST(Utf8, SurrogatesAndWhatIsTooLargeAreNot) {
  for (uint32_t code = 0xd800; code < 0xe000; ++code)
    ASSERT_EQ(utf8_step(utf8_of(code)).kind, Utf8Kind::invalid);
  for (uint32_t code = 0x110000; code < 0x200000; code += 257) {
    ASSERT_EQ(utf8_step(utf8_of(code)).kind, Utf8Kind::invalid);
  }
}

// Of all byte triples, exactly those that encode U+0800 to U+FFFF without the surrogates are one character;
// of all pairs those for U+0080 to U+07FF. So no overlong form is taken either.
TEST(Utf8, NothingElseIsACharacter) {
  size_t pairs = 0, triples = 0;
  for (uint32_t bits = 0; bits < 0x1000000; ++bits) {
    const char bytes[] = {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8),
                          static_cast<char>(bits)};
    const Utf8Step step = utf8_step({bytes, 3});
    if (step.kind != Utf8Kind::character) continue;
    triples += step.length == 3;
    pairs += step.length == 2 && bytes[2] == 0;
  }
  EXPECT_EQ(triples, 0x10000u - 0x800u - 0x800u);
  EXPECT_EQ(pairs, 0x800u - 0x80u);
}

TEST(Utf8, InvalidBytesComeInMaximalSubparts) {
  EXPECT_EQ(utf8_step("\xf1\x80\x80\x41").length, 3u);
  EXPECT_EQ(utf8_step("\xe1\x80\xe2").length, 2u);
  EXPECT_EQ(utf8_step("\xf0\x80\x80\x80").length, 1u);
  EXPECT_EQ(utf8_step("\x80\x80").length, 1u);
}

TEST(Utf8, ValidPrefixEndsAtTheFirstBadByte) {
  EXPECT_EQ(utf8_valid_prefix(""), 0u);
  EXPECT_EQ(utf8_valid_prefix("a\xc3\xa9z"), 4u);
  EXPECT_EQ(utf8_valid_prefix("a\xc3\xa9\xffz"), 3u);
  EXPECT_EQ(utf8_valid_prefix("a\xc3"), 1u);
}

}  // namespace
}  // namespace tern

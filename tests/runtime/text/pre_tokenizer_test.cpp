#include "runtime/text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/text/splitting_rules.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;
using Pieces = std::vector<std::string_view>;

PreTokenizer make(std::string_view name) {
  return *PreTokenizer::make(splitting_rules(name, 0)->patterns);
}

TEST(PreTokenizer, Llama3) {
  const PreTokenizer split = make("llama-bpe");
  EXPECT_EQ(split.split("Hello, world! It's 12345."),
            (Pieces{"Hello", ",", " world", "!", " It", "'s", " ", "123", "45", "."}));
  EXPECT_EQ(split.split("THEY'RE (here)\n\n  now"),
            (Pieces{"THEY", "'RE", " (", "here", ")\n\n", " ", " now"}));
  EXPECT_EQ(split.split("a  \n \n\tb   "), (Pieces{"a", "  \n \n", "\tb", "   "}));
  EXPECT_EQ(split.split("\u00bd\u0663\u2167x"), (Pieces{"\u00bd\u0663\u2167", "x"}));
  EXPECT_EQ(split.split("\u4f60\u597d\uff0c\u4e16\u754c"), (Pieces{"\u4f60\u597d", "\uff0c\u4e16\u754c"}));
}

TEST(PreTokenizer, Gpt2) {
  const PreTokenizer split = make("gpt-2");
  EXPECT_EQ(split.split("Hello, world! It's 12345."),
            (Pieces{"Hello", ",", " world", "!", " It", "'s", " 12345", "."}));
  EXPECT_EQ(split.split("THEY'RE (here)\n\n  now"),
            (Pieces{"THEY", "'", "RE", " (", "here", ")", "\n\n ", " now"}));
}

TEST(PreTokenizer, Qwen2CutsDigitsOneByOne) {
  EXPECT_EQ(make("qwen2").split("a 123"), (Pieces{"a", " ", "1", "2", "3"}));
}

TEST(PreTokenizer, WhiteSpaceIsUnicodes) {
  const PreTokenizer split = make("gpt-2");
  for (const char* white : {"\t", "\u000b", "\u0085", "\u00a0", "\u1680", "\u2028", "\u202f", "\u3000"}) {
    const std::string text = std::string("!") + white + white + "!";
    EXPECT_EQ(split.split(text).size(), 4u) << white;
  }
  for (const char* other : {"\u180e", "\u200b", "\ufeff", "\u2060"}) {
    EXPECT_EQ(split.split(std::string("!") + other + other + "!").size(), 1u) << other;
  }
}

TEST(PreTokenizer, PiecesAreTheTextAgain) {
  std::mt19937 random(4);
  for (const char* name : {"llama-bpe", "gpt-2", "qwen2"}) {
    const PreTokenizer split = make(name);
    for (int i = 0; i < 300; ++i) {
      const std::string text = i % 2 == 0 ? random_bytes(random, 80) : random_text(random, 40);
      std::string joined;
      for (const std::string_view piece : split.split(text)) {
        EXPECT_FALSE(piece.empty());
        joined += piece;
      }
      EXPECT_EQ(joined, text);
    }
  }
}

TEST(PreTokenizer, AnInvalidByteIsAPieceOfItsOwn) {
  EXPECT_EQ(make("llama-bpe").split("ab\xff\xfe cd\xe2\x82"),
            (Pieces{"ab", "\xff", "\xfe", " cd", "\xe2", "\x82"}));
}

// What follows shows that the run was matched and not given up on.
TEST(PreTokenizer, AMegabyteWithoutABreak) {
  const PreTokenizer split = make("llama-bpe");
  for (const char c : {'a', ' ', '\n', '!'}) {
    const std::string text = std::string(1 << 20, c) + "9";
    const Pieces pieces = split.split(text);
    EXPECT_EQ(pieces.size(), c == ' ' ? 3u : 2u) << c;
    EXPECT_EQ(pieces.back(), "9") << c;
  }
}

TEST(SplittingRules, NamesThatMeanLlama3) {
  const std::vector<std::string> pattern = splitting_rules("llama-bpe", 0)->patterns;
  for (const char* name : {"llama3", "llama-v3", "falcon3", "falcon_e"}) {
    const auto rules = splitting_rules(name, 1000);
    ASSERT_TRUE(rules) << name;
    EXPECT_EQ(rules->patterns, pattern);
    EXPECT_TRUE(rules->whole_pieces_first);
    EXPECT_TRUE(rules->adds_beginning_of_text);
  }
}

TEST(SplittingRules, WithoutANameTheSizeDecides) {
  for (const char* name : {"", "default"}) {
    EXPECT_EQ(splitting_rules(name, 128256)->patterns, splitting_rules("llama3", 0)->patterns);
    EXPECT_EQ(splitting_rules(name, 50257)->patterns, splitting_rules("gpt-2", 0)->patterns);
  }
  EXPECT_FALSE(splitting_rules("gpt-2", 0)->whole_pieces_first);
  EXPECT_FALSE(splitting_rules("gpt-2", 0)->adds_beginning_of_text);
}

TEST(SplittingRules, AnUnknownNameIsRefusedWithTheWayOut) {
  const auto rules = splitting_rules("klingon", 128256);
  ASSERT_FALSE(rules);
  EXPECT_THAT(rules.error().message, HasSubstr("'klingon'"));
  EXPECT_THAT(rules.error().message, HasSubstr("--pre"));
  EXPECT_THAT(rules.error().message, HasSubstr("llama-bpe"));
}

}  // namespace
}  // namespace tern::runtime

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
  for (const char* name : {"llama-bpe", "gpt-2", "qwen2", "qwen35", "hunyuan-dense", "smollm", "dbrx",
                           "gpt-4o", "minicpm5", "stablelm2"}) {
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
  for (const char* name : {"llama-bpe", "qwen35", "hunyuan-dense", "gpt-4o", "minicpm5"}) {
    const PreTokenizer split = make(name);
    for (const char c : {'a', ' ', '\n', '!'}) {
      const std::string text = std::string(1 << 20, c) + "9";
      const Pieces pieces = split.split(text);
      // Where numbers are cut out first, the space before one is not told from others.
      const bool numbers_first =
          name == std::string_view("hunyuan-dense") || name == std::string_view("minicpm5");
      EXPECT_EQ(pieces.size(), c == ' ' && !numbers_first ? 3u : 2u) << name << c;
      EXPECT_EQ(pieces.back(), "9") << name << c;
    }
  }
}

TEST(PreTokenizer, Qwen35TakesMarksForLetters) {
  const std::string text = "\u0e01\u0e34\u0e19 \u0928\u092e\u0938\u094d\u0924\u0947";
  EXPECT_EQ(make("qwen35").split(text).size(), 2u);
  EXPECT_GT(make("qwen2").split(text).size(), 2u);
}

TEST(PreTokenizer, HunyuanCutsNumbersAndChineseOutFirst) {
  EXPECT_EQ(make("hunyuan-dense").split("ab1234\u4f60\u597dcd (ef) \x01\x02"),
            (Pieces{"ab", "123", "4", "\u4f60\u597d", "cd", " (", "ef", ")", " ", "\x01\x02"}));
  EXPECT_EQ(make("hunyuan-dense").split("_abc +d"), (Pieces{"_abc", " +", "d"}));
}

TEST(PreTokenizer, Gpt4oCutsAtCapitals) {
  EXPECT_EQ(make("gpt-4o").split("HelloWorld's 12345"), (Pieces{"Hello", "World's", " ", "123", "45"}));
}

TEST(PreTokenizer, SeveralPatternsAndNone) {
  EXPECT_EQ(make("smollm").split("ab 12c"), (Pieces{"ab", " ", "1", "2", "c"}));
  EXPECT_EQ(PreTokenizer::make({})->split("a b"), (Pieces{"a b"}));
  EXPECT_EQ(PreTokenizer::make({"x(?=y)", "(?<=b)"})->split("abcxy"), (Pieces{"ab", "c", "x", "y"}));
}

TEST(PreTokenizer, ForeignPatternsThatMeanTwoThingsAreRefused) {
  const struct {
    std::string pattern;
    const char* message;
  } cases[] = {{R"(\w+)", R"(\w)"},
               {R"(\h)", R"(\h)"},
               {"^a", "^"},
               {"[a-z&&[^b]]", "&&"},
               {"[[:alpha:]]", "class"},
               {"(?R)", "(?R"},
               {"(*ANYCRLF)a", "(*A"},
               {"(a", "is none"},
               {"a{2", ""},
               {std::string(5000, 'a'), "too long"}};
  for (const auto& [pattern, message] : cases) {
    const auto made = PreTokenizer::make({pattern});
    if (*message == 0) continue;  // a brace is a character to both
    ASSERT_FALSE(made) << pattern;
    EXPECT_THAT(made.error().message, HasSubstr(message));
  }
  EXPECT_FALSE(PreTokenizer::make(std::vector<std::string>(17, "a")));
}

// Patterns that take time n^2 or 2^n when they are let: the text is whole all the same, and soon.
TEST(PreTokenizer, ForeignPatternsAreBounded) {
  const std::string text(200000, 'a');
  for (const char* pattern :
       {"(?:a+)+b", "(?:a|a)*b", "a+b", "a++b", "(?:a?){30}b", "(?=a*b)a", "(?:a*)*b"}) {
    const auto made = PreTokenizer::make({pattern});
    ASSERT_TRUE(made) << made.error().message;
    std::string joined;
    for (const std::string_view piece : made->split(text)) joined += piece;
    EXPECT_EQ(joined, text) << pattern;
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

#include "runtime/text/byte_level_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/text/splitting_rules.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Expected<ByteLevelBpe> make(const Vocabulary& vocabulary, std::string_view pre = "gpt-2") {
  return ByteLevelBpe::make(vocabulary, vocabulary.types, *splitting_rules(pre, 0));
}

std::vector<uint32_t> encode(const Expected<ByteLevelBpe>& bpe, std::string_view text) {
  std::vector<uint32_t> ids;
  bpe->encode(text, ids);
  return ids;
}

// Bytes, then the tokens and merges of the tests below.
Vocabulary with_merges(const std::vector<std::string>& merges, const std::vector<std::string>& tokens) {
  Vocabulary vocabulary = byte_level_vocabulary(0);
  vocabulary.tokens.resize(256);
  vocabulary.tokens.insert(vocabulary.tokens.end(), tokens.begin(), tokens.end());
  vocabulary.types.assign(vocabulary.tokens.size(), TokenType::normal);
  vocabulary.merges = merges;
  return vocabulary;
}

TEST(ByteLevelBpe, LowestRankFirstLeftmostOnTies) {
  const auto bpe = make(with_merges({"b c", "a b", "a a", "ab c"}, {"bc", "ab", "aa", "abc"}));
  ASSERT_TRUE(bpe);
  EXPECT_THAT(encode(bpe, "abc"), ElementsAre('a', 256));  // "b c" comes first, so "ab c" never does
  EXPECT_THAT(encode(bpe, "aaa"), ElementsAre(258, 'a'));
  EXPECT_THAT(encode(bpe, "aaab"), ElementsAre(258, 257));
}

TEST(ByteLevelBpe, SpacesAndBytesAreInThePrintableAlphabet) {
  const auto bpe = make(with_merges({"\u0120 a", "\u00c3 \u00a9"}, {"\u0120a", "\u00c3\u00a9"}));
  ASSERT_TRUE(bpe);
  EXPECT_THAT(encode(bpe, "a a"), ElementsAre('a', 256));
  EXPECT_THAT(encode(bpe, "\u00e9"), ElementsAre(257));
  EXPECT_EQ(bpe->tokens().bytes(256), " a");
  EXPECT_EQ(bpe->tokens().bytes(257), "\u00e9");
}

TEST(ByteLevelBpe, WholePiecesFirstOnlyWhereTheRulesSaySo) {
  // "xyz" is a token that no merge makes.
  const Vocabulary vocabulary = with_merges({"x y"}, {"xy", "xyz"});
  EXPECT_THAT(encode(make(vocabulary, "llama-bpe"), "xyz xyz"), ElementsAre(257, ' ', 256, 'z'));
  EXPECT_THAT(encode(make(vocabulary, "gpt-2"), "xyz"), ElementsAre(256, 'z'));
}

TEST(ByteLevelBpe, TheFirstOfTwoEqualMergesCounts) {
  const auto bpe = make(with_merges({"a b", "b c", "a b"}, {"ab", "bc"}));
  EXPECT_THAT(encode(bpe, "abc"), ElementsAre(256, 'c'));
}

// A vocabulary whose ids are in the order of its merges means the same with and without them.
TEST(ByteLevelBpe, WithoutMergesIdsAreRanks) {
  Vocabulary vocabulary = byte_level_vocabulary(60);
  const auto merges = make(vocabulary);
  vocabulary.merges.clear();
  const auto ranks = make(vocabulary);
  std::mt19937 random(6);
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_text(random, 50);
    EXPECT_EQ(encode(ranks, text), encode(merges, text));
  }
}

TEST(ByteLevelBpe, UnknownTokenStandsForMissingBytes) {
  Vocabulary vocabulary = with_merges({}, {"<unk>"});
  vocabulary.tokens['q'] = "";
  vocabulary.types[256] = TokenType::unknown;
  const auto refused = make(vocabulary);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("byte 113"));
  vocabulary.unknown = 256;
  EXPECT_THAT(encode(make(vocabulary), "aqb"), ElementsAre('a', 256, 'b'));
}

// Falcon's and others' vocabularies lack them; what is no UTF-8 leaves them out.
TEST(ByteLevelBpe, BytesThatNoUtf8HasNeedNoToken) {
  Vocabulary vocabulary = with_merges({}, {});
  for (const size_t byte : {0xc0, 0xc1, 0xf5, 0xff}) vocabulary.tokens[byte] = "";
  const auto bpe = make(vocabulary);
  ASSERT_TRUE(bpe) << bpe.error().text();
  EXPECT_THAT(encode(bpe,
                     "a\xc0\xff"
                     "b"),
              ElementsAre('a', 'b'));
  vocabulary.tokens[0xc2] = "";
  EXPECT_FALSE(make(vocabulary));
}

TEST(ByteLevelBpe, MergesOfUnknownTextsAreRefused) {
  const struct {
    const char* merge;
    const char* message;
  } cases[] = {{"xx a", "left side"},
               {"a xx", "right side"},
               {"a c", "what it makes"},
               {"a \u2581", "right side"},
               {"\xff a", "left side"}};
  for (const auto& [merge, message] : cases) {
    const auto bpe = make(with_merges({"a b", merge}, {"ab"}));
    ASSERT_FALSE(bpe) << merge;
    EXPECT_THAT(bpe.error().message, HasSubstr("merge 1 "));
    EXPECT_THAT(bpe.error().message, HasSubstr(message));
  }
}

}  // namespace
}  // namespace tern::runtime

#include "runtime/text/sentencepiece_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t first_byte = 3, first_piece = 259;

class SentencePiece : public ::testing::Test {
 protected:
  // Best score first: ids 259, 260, ...
  const Vocabulary vocabulary_ = sentencepiece_vocabulary(
      {"\u2581th", "th", "he", "the", "\u2581the", "\u2581", "t", "h", "e", "t\u00e9"});

  static std::vector<uint32_t> encode(const Vocabulary& vocabulary, std::string_view text, bool space_first) {
    const auto bpe = SentencePieceBpe::make(vocabulary, vocabulary.types);
    EXPECT_TRUE(bpe);
    std::vector<uint32_t> ids;
    bpe->encode(text, space_first, ids);
    return ids;
  }
};

TEST_F(SentencePiece, HighestScoreFirst) {
  EXPECT_THAT(encode(vocabulary_, "the", false), ElementsAre(first_piece + 3));
  EXPECT_THAT(encode(vocabulary_, "the", true), ElementsAre(first_piece + 4));
  EXPECT_THAT(encode(vocabulary_, "hee", false), ElementsAre(first_piece + 2, first_piece + 8));
  EXPECT_THAT(encode(vocabulary_, " th he", false),
              ElementsAre(first_piece, first_piece + 5, first_piece + 2));
}

TEST_F(SentencePiece, LeftmostOfEqualScores) {
  Vocabulary vocabulary = sentencepiece_vocabulary({"ab", "ba", "a", "b"});
  vocabulary.scores.assign(vocabulary.scores.size(), -1.0f);
  EXPECT_THAT(encode(vocabulary, "bab", false), ElementsAre(first_piece + 1, first_piece + 3));
  EXPECT_THAT(encode(vocabulary, "abab", false), ElementsAre(first_piece, first_piece));
}

TEST_F(SentencePiece, MergesOverCharactersThatAreNoTokens) {
  EXPECT_THAT(encode(vocabulary_, "t\u00e9", false), ElementsAre(first_piece + 9));
  EXPECT_THAT(encode(vocabulary_, "\u00e9t", false),
              ElementsAre(first_byte + 0xc3, first_byte + 0xa9, first_piece + 6));
}

TEST_F(SentencePiece, InvalidBytesAreSpelled) {
  EXPECT_THAT(encode(vocabulary_, "t\xff\xe2\x96", false),
              ElementsAre(first_piece + 6, first_byte + 0xff, first_byte + 0xe2, first_byte + 0x96));
}

TEST_F(SentencePiece, TheSpaceMarkInATextIsASpace) {
  EXPECT_EQ(encode(vocabulary_, "\u2581th\u2581", false), encode(vocabulary_, " th ", false));
}

TEST_F(SentencePiece, OnlyNormalAndUserDefinedTokensAreMade) {
  Vocabulary vocabulary = vocabulary_;
  vocabulary.types[first_piece + 3] = TokenType::unused;
  EXPECT_THAT(encode(vocabulary, "the", false), ElementsAre(first_piece + 1, first_piece + 8));
  // "<s>" and "<0x41>" in a text are characters like others, also if merges lead to them.
  const Vocabulary traps = sentencepiece_vocabulary({"<s", "<", "s", ">", "<0x41", "<0x4", "<0x", "<0"});
  EXPECT_THAT(encode(traps, "<s>", false), ElementsAre(first_piece, first_piece + 3));
  EXPECT_THAT(encode(traps, "<0x41>", false), ElementsAre(first_piece + 4, first_piece + 3));
}

TEST_F(SentencePiece, UnknownTokenWithoutByteTokens) {
  Vocabulary vocabulary = vocabulary_;
  for (TokenType& type : vocabulary.types) {
    if (type == TokenType::byte) type = TokenType::unused;
  }
  EXPECT_THAT(encode(vocabulary, "t\u20ac", false), ElementsAre(first_piece + 6, 0u));
  vocabulary.unknown.reset();
  const auto refused = SentencePieceBpe::make(vocabulary, vocabulary.types);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no byte token"));
}

TEST_F(SentencePiece, BytesOfTokens) {
  const auto bpe = SentencePieceBpe::make(vocabulary_, vocabulary_.types);
  EXPECT_EQ(bpe->tokens().bytes(first_piece), " th");
  EXPECT_EQ(bpe->tokens().bytes(first_byte + 0xe2), "\xe2");
  EXPECT_EQ(bpe->tokens().bytes(first_byte), std::string(1, '\0'));
}

}  // namespace
}  // namespace tern::runtime

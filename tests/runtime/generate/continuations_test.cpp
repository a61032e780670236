#include "runtime/generate/continuations.h"

#include <gmock/gmock.h>

#include "runtime/generate/evaluate.h"
#include "small_engine.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(WhiteSpace, IsPythons) {
  EXPECT_EQ(white_space_at_end("a \n\t"), 3u);
  EXPECT_EQ(white_space_at_end("a\xc2\xa0\xe3\x80\x80\x1f"), 6u);  // U+00A0, U+3000
  EXPECT_EQ(white_space_at_end("a\xe2\x80\x8b"), 0u);              // U+200B is none
  EXPECT_EQ(white_space_at_end(" "), 1u);
  EXPECT_EQ(white_space_at_end(""), 0u);
  EXPECT_EQ(white_space_at_begin(" \xe2\x80\xa8"
                                 "a "),
            4u);
}

// Bytes, and merges of sample_text's words; `first` begins a text.
struct Words {
  explicit Words(bool adds_beginning, bool has_beginning = true) {
    Vocabulary vocabulary = byte_level_vocabulary(40);
    first = 256 + 40;
    // Without the token's usual name it is not found by that either.
    if (!has_beginning) vocabulary.tokens[first] = "<|none|>";
    if (has_beginning) vocabulary.beginning_of_text = first;
    vocabulary.add_beginning_of_text = adds_beginning;
    tokenizer.emplace(Tokenizer::make(vocabulary).take());
  }
  Continuation encode(std::string_view context, std::string_view continuation) const {
    const auto result = encode_continuation(*tokenizer, context, continuation, first + 1);
    EXPECT_TRUE(result) << result.error().text();
    return result ? *result : Continuation();
  }
  std::string scored(const Continuation& one) const {
    return tokenizer->decode(std::span(one.tokens).subspan(one.first_scored));
  }
  uint32_t first = 0;
  std::optional<Tokenizer> tokenizer;
};

TEST(EncodeContinuation, WhiteSpaceGoesToTheContinuation) {
  const Words with(true), without(false);
  for (const char* context : {"it was the", "it was the ", "it was the \n "}) {
    const Continuation one = with.encode(context, "word");
    EXPECT_EQ(one.tokens.front(), with.first);
    EXPECT_EQ(with.scored(one), std::string(context).substr(10) + "word");
    const Continuation other = without.encode(context, "word");
    EXPECT_NE(other.tokens.front(), with.first);
    EXPECT_EQ(other.first_scored, one.first_scored - 1);
  }
  EXPECT_EQ(with.encode("it was the", " word"), with.encode("it was the ", "word"));
}

TEST(EncodeContinuation, ContextsThatAreEmpty) {
  const Words with(true), none(false, false);
  const Continuation one = with.encode("", "word");
  EXPECT_EQ(one.tokens.front(), with.first);
  EXPECT_EQ(one.first_scored, 1u);
  EXPECT_EQ(with.scored(one), "word");
  // Nothing but space is an empty context once the space has moved.
  EXPECT_EQ(with.scored(with.encode("  ", "word")), "  word");
  // The token that ends a text stands in for the one that begins it.
  EXPECT_EQ(none.encode("", "word").tokens.front(), none.first + 1);
  EXPECT_FALSE(encode_continuation(*none.tokenizer, "", "word"));
  EXPECT_FALSE(encode_continuation(*none.tokenizer, " ", "word", none.first + 1));
  const auto nothing = encode_continuation(*with.tokenizer, "it was", "");
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("no token of its own"));
}

TEST(EncodeContinuation, ATextMayBringTheBeginning) {
  const Words with(true);
  EXPECT_EQ(with.encode("<|begin_of_text|>it was", " word"), with.encode("it was", " word"));
  EXPECT_EQ(with.encode("", "<|begin_of_text|>word"), with.encode("", "word"));
}

TEST(KeepEnd, LeavesTokensOutAtTheBeginning) {
  Continuation one{{1, 2, 3, 4, 5, 6}, 4};
  ASSERT_TRUE(keep_end(one, 5));  // five are read, the last is not
  EXPECT_EQ(one.tokens.size(), 6u);
  ASSERT_TRUE(keep_end(one, 3));
  EXPECT_THAT(one.tokens, ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(one.first_scored, 2u);
  ASSERT_TRUE(keep_end(one, 2));
  EXPECT_EQ(one.first_scored, 1u);
  EXPECT_FALSE(keep_end(one, 1));
}

double alone(Engine& engine, const Continuation& one) {
  Sequence sequence = engine.make_sequence(one.tokens.size()).take();
  const auto scores = log_probabilities(engine, sequence, one.tokens);
  EXPECT_TRUE(scores) << scores.error().text();
  double sum = 0;
  for (size_t i = one.first_scored; i < one.tokens.size(); ++i) sum += (*scores)[i - 1];
  return sum;
}

// Tokens of a pattern, the same up to `length` whatever follows.
std::vector<uint32_t> pattern(size_t length, std::vector<uint32_t> then) {
  std::vector<uint32_t> tokens;
  for (size_t i = 0; i < length; ++i) tokens.push_back(static_cast<uint32_t>(i * 37 % 290));
  tokens.insert(tokens.end(), then.begin(), then.end());
  return tokens;
}

TEST(ScoreContinuations, AreThoseOfEachAlone) {
  const auto engine = small_engine();
  const std::vector<std::vector<Continuation>> questions = {
      // One token each: read once. More tokens, more than a step takes, none in common.
      {{pattern(40, {1}), 40}, {pattern(40, {2}), 40}, {pattern(40, {3}), 40}},
      {{pattern(40, {1, 2, 3}), 40}, {pattern(40, {1, 2, 4, 5, 6}), 40}, {pattern(40, {7}), 40}},
      {{pattern(33, pattern(45, {8})), 33}, {pattern(33, {9, 10}), 33}},
      {{{5, 6, 7}, 1}, {{6, 6, 7, 8}, 2}},
      // The same continuation after other contexts, as of WinoGrande; contexts of different lengths.
      {{pattern(35, {11, 20, 21, 22}), 36}, {pattern(35, {12, 13, 20, 21, 22}), 37}},
      {{pattern(64, {1}), 64}, {pattern(64, {1, 2}), 64}},
      {{pattern(50, {1}), 50}},
  };
  auto sequence = make_sequence_for(*engine, questions);
  ASSERT_TRUE(sequence) << sequence.error().text();
  StepPace pace({engine.get()});
  // The second time round the sequence holds what other questions have left.
  for (int round = 0; round < 2; ++round) {
    for (const std::vector<Continuation>& question : questions) {
      const auto scores = score_continuations(*engine, *sequence, question, pace);
      ASSERT_TRUE(scores) << scores.error().text();
      ASSERT_TRUE(*scores);
      ASSERT_EQ((*scores)->size(), question.size());
      for (size_t i = 0; i < question.size(); ++i) EXPECT_EQ((**scores)[i], alone(*engine, question[i]));
    }
  }
}

TEST(ScoreContinuations, CanBeEndedAndRefuse) {
  const auto engine = small_engine();
  const std::vector<std::vector<Continuation>> questions = {
      {{pattern(40, {1}), 40}, {pattern(40, {2, 3}), 40}}};
  Sequence sequence = make_sequence_for(*engine, questions).take();
  StepPace pace({engine.get()});
  const auto ended = score_continuations(*engine, sequence, questions[0], pace, [] { return false; });
  ASSERT_TRUE(ended);
  EXPECT_FALSE(*ended);
  const std::vector<Continuation> unknown = {{{1, 300}, 1}};
  EXPECT_FALSE(score_continuations(*engine, sequence, unknown, pace));
}

}  // namespace
}  // namespace tern::runtime

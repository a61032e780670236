#include "runtime/text/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "runtime/text/token_types.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Vocabulary, GoodOnesPass) {
  EXPECT_TRUE(check(byte_level_vocabulary(10)));
  EXPECT_TRUE(check(sentencepiece_vocabulary({"a", "b"})));
}

struct Fault {
  std::string message;
  std::function<void(Vocabulary&)> make;
};

void expect_refused(const Vocabulary& good, const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) {
    Vocabulary bad = good;
    fault.make(bad);
    const Status status = check(bad);
    ASSERT_FALSE(status) << fault.message;
    EXPECT_THAT(status.error().message, HasSubstr(fault.message));
  }
}

TEST(Vocabulary, FaultsOfEitherModel) {
  const auto merge = [](std::string text) { return [=](Vocabulary& v) { v.merges[3] = text; }; };
  const auto end = [](uint32_t id) { return [=](Vocabulary& v) { v.end_of_turn = id; }; };
  Vocabulary good = byte_level_vocabulary(10);
  const auto size = static_cast<uint32_t>(good.tokens.size());
  end(size - 1)(good);
  EXPECT_TRUE(check(good));
  expect_refused(good,
                 {{"no tokens", [](Vocabulary& v) { v.tokens.clear(); }},
                  {"token types", [](Vocabulary& v) { v.types.pop_back(); }},
                  {"token 7 has the unknown type 9", [](Vocabulary& v) { v.types[7] = TokenType{9}; }},
                  {"token 0 has the unknown type -1", [](Vocabulary& v) { v.types[0] = TokenType{-1}; }},
                  {"but 3 scores",
                   [](Vocabulary& v) {
                     v.scores = {1, 2, 3};
                   }},
                  {"end of turn", end(size)},
                  {"unknown", [](Vocabulary& v) { v.unknown = UINT32_MAX; }},
                  {"beginning of text", [=](Vocabulary& v) { v.beginning_of_text = size; }},
                  {"merge 3", merge("ab")},
                  {"merge 3", merge("a b c")},
                  {"merge 3", merge("a  b")},
                  {"merge 3", merge(" a")},
                  {"merge 3", merge("a ")},
                  {"merge 3", merge("")}});
}

TEST(Vocabulary, FaultsOfSentencePiece) {
  const Vocabulary good = sentencepiece_vocabulary({"a", "b"});
  const auto text = [](std::string token) { return [=](Vocabulary& v) { v.tokens[3] = token; }; };
  expect_refused(good, {{"0 scores", [](Vocabulary& v) { v.scores.clear(); }},
                        {"score of token 4", [](Vocabulary& v) { v.scores[4] = std::nanf(""); }},
                        {"token 3 is a byte token", text("<0x0>")},
                        {"token 3 is a byte token", text("<0x-1>")},
                        {"token 3 is a byte token", text("<0x+1>")},
                        {"token 3 is a byte token", text("<0x 1>")},
                        {"token 3 is a byte token", text("<0x0g>")},
                        {"token 3 is a byte token", text("<0x001>")},
                        {"token 3 is a byte token", text("")}});
}

TEST(TokenTypes, ByteTexts) {
  EXPECT_EQ(byte_of_token_text("<0x00>"), 0);
  EXPECT_EQ(byte_of_token_text("<0xfF>"), 255);
  EXPECT_EQ(byte_of_token_text("<0x0A"), std::nullopt);
  EXPECT_EQ(byte_of_token_text("<0X0A>"), std::nullopt);
}

TEST(TokenTypes, AreGuessedWhereTheFileIsSilent) {
  Vocabulary llama = sentencepiece_vocabulary({"a", "\u2581b"});
  const std::vector<TokenType> stated = llama.types;
  llama.types.clear();
  EXPECT_EQ(token_types(llama), stated);

  const Vocabulary silent{.model = "gpt2", .tokens = {"a", "<|x|>", "<s>", "end", "<|>"}, .end_of_text = 3};
  EXPECT_THAT(token_types(silent), ElementsAre(TokenType::normal, TokenType::control, TokenType::normal,
                                               TokenType::control, TokenType::normal));
}

TEST(TokenTypes, EndsAreKnownByRoleAndByText) {
  const auto normal = TokenType::normal, control = TokenType::control;
  const Vocabulary vocabulary{
      .model = "gpt2",
      .tokens = {"a", "<|eot_id|>", "</s>", "</s>", "stop", "<|im_end|>", "<|other|>"},
      .types = {normal, normal, normal, control, control, control, control},
      .end_of_message = 4};
  const std::vector<TokenType> types = token_types(vocabulary);
  EXPECT_EQ(types[1], control);
  EXPECT_EQ(types[2], normal);
  EXPECT_THAT(end_tokens(vocabulary, types), ElementsAre(1, 3, 4, 5));
}

TEST(TokenTypes, BeginningIsTheFilesOrAKnownText) {
  Vocabulary vocabulary = byte_level_vocabulary(0);
  const std::vector<TokenType> types = token_types(vocabulary);
  EXPECT_EQ(beginning_token(vocabulary, types), 256u);
  vocabulary.beginning_of_text = 5;
  EXPECT_EQ(beginning_token(vocabulary, types), 5u);
  EXPECT_EQ(beginning_token(Vocabulary{.tokens = {"<s>"}}, {TokenType::normal}), std::nullopt);
}

}  // namespace
}  // namespace tern::runtime

#include "runtime/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/text/nfc.h"
#include "runtime/text/stream_decoder.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t begin_of_text = 256, end_of_text = 257, end_of_turn = 258, box = 259;  // without merges

Tokenizer make(const Vocabulary& vocabulary, std::string_view pre = "") {
  auto tokenizer = Tokenizer::make(vocabulary, pre);
  EXPECT_TRUE(tokenizer) << tokenizer.error().text();
  return tokenizer.take();
}

void expect_round_trips(const Tokenizer& tokenizer, uint32_t seed, bool normalizes = false) {
  std::mt19937 random(seed);
  for (int i = 0; i < 400; ++i) {
    std::string text = i % 2 == 0 ? random_bytes(random, random() % 100) : random_text(random, 40);
    if (normalizes) text = to_nfc(text);
    const std::vector<uint32_t> ids = tokenizer.encode(text, false);
    EXPECT_EQ(tokenizer.decode(ids), text);
    std::string by_token;
    for (const uint32_t id : ids) by_token += tokenizer.decode(id);
    EXPECT_EQ(by_token, (tokenizer.adds_space_prefix() && !text.empty() ? " " : "") + text);
  }
}

TEST(Tokenizer, DecodingAnEncodingGivesTheBytesAgain) {
  for (const char* pre : {"llama-bpe", "gpt-2", "hunyuan-dense", "smollm", "gpt-4o", "minicpm5"})
    expect_round_trips(make(byte_level_vocabulary(80), pre), 7);
  for (const char* pre : {"qwen2", "qwen35"})
    expect_round_trips(make(byte_level_vocabulary(80), pre), 7, true);
  Vocabulary llama =
      sentencepiece_vocabulary({"\u2581th", "th", "\u2581w", "or", "the", "\u2581", "t", "h", "e", "r"});
  expect_round_trips(make(llama), 8);
  llama.add_space_prefix = false;
  expect_round_trips(make(llama), 9);
}

TEST(Tokenizer, TrainedMergesShortenTheirText) {
  const Tokenizer tokenizer = make(byte_level_vocabulary(80));
  EXPECT_LT(tokenizer.encode(sample_text, false).size(), sample_text.size() * 2 / 3);
}

TEST(Tokenizer, ControlTokensAreFoundOnRequestUserDefinedOnesAlways) {
  const Tokenizer tokenizer = make(byte_level_vocabulary(0));
  const std::string text = "a<|eot_id|>[box]b";
  EXPECT_THAT(tokenizer.encode(text, true), ElementsAre('a', end_of_turn, box, 'b'));
  const std::vector<uint32_t> plain = tokenizer.encode(text, false);
  EXPECT_EQ(plain.size(), 1 + std::string("<|eot_id|>").size() + 1 + 1);
  EXPECT_EQ(plain[plain.size() - 2], box);
  EXPECT_EQ(tokenizer.decode(plain), text);
  EXPECT_THAT(tokenizer.encode("", true), IsEmpty());
}

TEST(Tokenizer, BeginningOfText) {
  Vocabulary vocabulary = byte_level_vocabulary(0);
  const Tokenizer tokenizer = make(vocabulary);
  EXPECT_TRUE(tokenizer.adds_beginning_of_text());
  EXPECT_EQ(tokenizer.beginning_of_text(), begin_of_text);
  EXPECT_THAT(tokenizer.encode_from_beginning("a", false), ElementsAre(begin_of_text, 'a'));
  EXPECT_THAT(tokenizer.encode_from_beginning("", false), ElementsAre(begin_of_text));
  EXPECT_THAT(tokenizer.encode_from_beginning("<|begin_of_text|>a", true), ElementsAre(begin_of_text, 'a'));

  EXPECT_FALSE(make(vocabulary, "gpt-2").adds_beginning_of_text());
  vocabulary.add_beginning_of_text = false;
  EXPECT_THAT(make(vocabulary).encode_from_beginning("a", false), ElementsAre('a'));

  vocabulary.add_beginning_of_text = true;
  vocabulary.types[begin_of_text] = TokenType::unused;
  EXPECT_FALSE(make(vocabulary).adds_beginning_of_text());
}

TEST(Tokenizer, EndOfText) {
  Vocabulary vocabulary = byte_level_vocabulary(0);
  vocabulary.add_end_of_text = true;
  EXPECT_FALSE(make(vocabulary).adds_end_of_text());  // it names none
  vocabulary.end_of_text = end_of_text;
  const Tokenizer tokenizer = make(vocabulary);
  EXPECT_TRUE(tokenizer.adds_end_of_text());
  EXPECT_THAT(tokenizer.encode_whole("a", false), ElementsAre(begin_of_text, 'a', end_of_text));
  EXPECT_THAT(tokenizer.encode_whole("a<|end_of_text|>", true), ElementsAre(begin_of_text, 'a', end_of_text));
  EXPECT_THAT(tokenizer.encode_from_beginning("a", false), ElementsAre(begin_of_text, 'a'));
  vocabulary.add_end_of_text.reset();
  EXPECT_THAT(make(vocabulary).encode_whole("a", false), ElementsAre(begin_of_text, 'a'));
}

TEST(Tokenizer, SentencePieceSpaceIsAddedAndDropped) {
  Vocabulary vocabulary = sentencepiece_vocabulary({"\u2581a", "\u2581", "a", "b"});
  const uint32_t space_a = 259, a = 261, b = 262;
  const Tokenizer tokenizer = make(vocabulary);
  EXPECT_TRUE(tokenizer.adds_space_prefix());
  EXPECT_THAT(tokenizer.encode_from_beginning("ab", false), ElementsAre(1u, space_a, b));
  EXPECT_THAT(tokenizer.encode("a</s>a", true), ElementsAre(space_a, 2u, space_a));
  EXPECT_EQ(tokenizer.decode(std::vector<uint32_t>{1, space_a, b}), "ab");
  EXPECT_EQ(tokenizer.decode(std::vector<uint32_t>{b, space_a}), "b a");
  vocabulary.add_space_prefix = false;
  EXPECT_THAT(make(vocabulary).encode("ab", false), ElementsAre(a, b));
  EXPECT_EQ(make(vocabulary).decode(std::vector<uint32_t>{space_a}), " a");
}

TEST(Tokenizer, StreamsACharacterOfSeveralTokens) {
  const Tokenizer tokenizer = make(byte_level_vocabulary(0));
  const std::string text = "\u4f60 \U0001f642";
  StreamDecoder stream(tokenizer.adds_space_prefix());
  std::string out;
  for (const uint32_t id : tokenizer.encode(text, false)) out += stream.push(tokenizer.decode(id));
  EXPECT_EQ(out + stream.flush(), text);
}

TEST(Tokenizer, WhatDoesNotBelongToTheTextDecodesToNothing) {
  Vocabulary vocabulary = byte_level_vocabulary(0);
  vocabulary.types['x'] = TokenType::unused;
  const Tokenizer tokenizer = make(vocabulary);
  for (const uint32_t id : {begin_of_text, end_of_turn, uint32_t{'x'}, box + 1, UINT32_MAX}) {
    EXPECT_EQ(tokenizer.decode(id), "") << id;
  }
  EXPECT_EQ(tokenizer.decode(box), "[box]");
  EXPECT_EQ(tokenizer.token_text(end_of_turn), "<|eot_id|>");
  EXPECT_EQ(tokenizer.token_text(' '), "\u0120");
  EXPECT_EQ(tokenizer.size(), 260u);
}

// Of pieces that no rule cuts, each kind of model makes one piece: what takes time n^2 would take hours.
TEST(Tokenizer, AMillionEqualCharacters) {
  const auto doubled = [](std::string unit) {
    std::vector<std::string> pieces = {unit};
    for (int i = 0; i < 6; ++i) pieces.push_back(unit += unit);
    return pieces;
  };
  Vocabulary by_scores = sentencepiece_vocabulary(doubled("a"));
  Vocabulary by_merges = by_scores;
  for (size_t length = 1; length <= 32; length *= 2) {
    by_merges.merges.push_back(std::string(length, 'a') + " " + std::string(length, 'a'));
  }
  std::vector<Tokenizer> tokenizers;
  tokenizers.push_back(make(by_scores));
  tokenizers.push_back(make(by_merges));
  for (const char* pre : {"llama-bpe", "gpt-2", "qwen2", "qwen35", "hunyuan-dense", "smollm", "gpt-4o"}) {
    tokenizers.push_back(make(byte_level_vocabulary(80), pre));
  }
  for (const Tokenizer& tokenizer : tokenizers) {
    for (const char* unit : {"a", " ", "\n", "9", "!", "\u0323"}) {
      std::string text;
      for (int i = 0; i < 1000000; ++i) text += unit;
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true)), text);
    }
  }
}

TEST(Tokenizer, TheUnknownTokenIsFoundOnRequest) {
  const Tokenizer tokenizer = make(sentencepiece_vocabulary({"\u2581", "a"}));
  EXPECT_THAT(tokenizer.encode("a<unk>", true), ElementsAre(259u, 260u, 0u));
  EXPECT_GT(tokenizer.encode("a<unk>", false).size(), 3u);
}

TEST(Tokenizer, Ends) {
  Vocabulary vocabulary = byte_level_vocabulary(0);
  vocabulary.end_of_message = box;
  const Tokenizer tokenizer = make(vocabulary);
  for (const uint32_t id : {end_of_text, end_of_turn, box}) EXPECT_TRUE(tokenizer.is_end(id)) << id;
  for (const uint32_t id : {begin_of_text, uint32_t{'a'}, box + 1, UINT32_MAX})
    EXPECT_FALSE(tokenizer.is_end(id));
}

TEST(Tokenizer, RefusesWhatItCannotDo) {
  const auto message = [](const Vocabulary& vocabulary, std::string_view pre = "") {
    const auto tokenizer = Tokenizer::make(vocabulary, pre);
    return tokenizer ? "made" : tokenizer.error().message;
  };
  Vocabulary vocabulary = byte_level_vocabulary(5);
  EXPECT_THAT(message(vocabulary, "klingon"), HasSubstr("--pre"));
  vocabulary.pre = "klingon";
  EXPECT_THAT(message(vocabulary), HasSubstr("--pre"));
  EXPECT_EQ(message(vocabulary, "gpt-2"), "made");
  vocabulary.model = "bert";
  EXPECT_THAT(message(vocabulary), HasSubstr("'bert'"));
  vocabulary.tokens.clear();
  EXPECT_THAT(message(vocabulary), HasSubstr("no tokens"));
  EXPECT_THAT(message(sentencepiece_vocabulary({"a"}), "gpt-2"), HasSubstr("--pre"));
}

// Whatever a file says, making a tokenizer fails with a message or gives one that takes any text.
TEST(Tokenizer, HostileVocabularies) {
  std::mt19937 random(10);
  int made = 0;
  for (int i = 0; i < 2000; ++i) {
    Vocabulary vocabulary =
        i % 2 == 0 ? byte_level_vocabulary(8) : sentencepiece_vocabulary({"a", "b", "ab", "\u2581"});
    for (int change = 0; change < 3; ++change) {
      const size_t id = random() % vocabulary.tokens.size();
      switch (random() % 6) {
        case 0: vocabulary.tokens[id] = random_bytes(random, random() % 4); break;
        case 1: vocabulary.types[id] = static_cast<TokenType>(1 + random() % 7); break;
        case 2: vocabulary.tokens[id] = vocabulary.tokens[random() % vocabulary.tokens.size()]; break;
        case 3: vocabulary.unknown = static_cast<uint32_t>(random() % 300); break;
        case 4: vocabulary.merges.push_back(random_bytes(random, 1) + " " + random_bytes(random, 1)); break;
        case 5:
          vocabulary.types.clear();
          vocabulary.types.resize(vocabulary.tokens.size(), TokenType::normal);
          break;
      }
    }
    const auto tokenizer = Tokenizer::make(vocabulary);
    if (!tokenizer) {
      EXPECT_FALSE(tokenizer.error().message.empty());
      continue;
    }
    ++made;
    for (const uint32_t token : tokenizer->encode(random_bytes(random, 50) + " ab<|eot_id|></s>", true)) {
      ASSERT_LT(token, tokenizer->size());
    }
  }
  EXPECT_GT(made, 100);
}

}  // namespace
}  // namespace tern::runtime

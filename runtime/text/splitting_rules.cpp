#include "runtime/text/splitting_rules.h"

#include <algorithm>

namespace tern::runtime {
namespace {

// English contractions; words, numbers and punctuation, each with the space before it; white space up to the
// last one before a word, which goes with that word.
constexpr std::string_view gpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// As GPT-2, but a word may take one other character before it, numbers have up to three digits, punctuation
// takes the line ends behind it, and line ends the white space before them.
constexpr std::string_view llama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// LLaMA-3 with numbers digit by digit.
constexpr std::string_view qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Qwen-2 with combining marks as letters.
constexpr std::string_view qwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// A word begins with its capitals and goes on without, so that "HelloWorld" is two; contractions belong to
// their words.
constexpr std::string_view gpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Of DeepSeek-V3: runs of Chinese and Japanese characters; then words, which may begin with a mark of ASCII,
// and punctuation and symbols.
constexpr std::string_view chinese_or_japanese = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
constexpr std::string_view deepseek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// LLaMA-3 of a text whose numbers were cut out before.
constexpr std::string_view minicpm5 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view digit = R"(\p{N})", three_digits = R"(\p{N}{1,3})";

// What a row says beside its patterns.
enum Trait : unsigned { none = 0, whole_pieces = 1, beginning = 2, nfc = 4 };

struct Row {
  std::vector<std::string_view> names;  // the first is the one that llama.cpp writes
  std::vector<std::string_view> patterns;
  unsigned traits = none;
};

// Names, whole pieces and beginnings as in llama.cpp's src/llama-vocab.cpp (2026), where comments have the
// patterns of the models' own tokenizer.json; "falcon_e" as in ik_llama.cpp. llama.cpp does not normalize;
// the tokenizer.json of Qwen does. All that llama.cpp joins under one name has one tokenizer here.
const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon_e", "falcon-e", "falcon-h1", "pixtral",
        "midm-2.0", "lfm2"},
       {llama3},
       whole_pieces | beginning},
      {{"gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "exaone4", "modern-bert"}, {gpt2}},
      {{"qwen2", "deepseek-r1-qwen"}, {qwen2}, nfc},
      {{"qwen35"}, {qwen35}, nfc},
      {{"hunyuan-dense", "deepseek-v3", "hy_v4", "joyai-llm"},
       {three_digits, chinese_or_japanese, deepseek3}},
      {{"hunyuan", "stablelm2", "megrez", "grok-2"}, {qwen2}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "minerva-7b"}, {digit, gpt2}},
      {{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {llama3}},
      {{"gpt-4o", "llama4", "kanana2", "minimax-m2"}, {gpt4o}},
      {{"minicpm5"}, {three_digits, minicpm5}, whole_pieces},
  };
  return table;
}

constexpr size_t llama3_token_count = 128256;

SplittingRules rules_of(const Row& row) {
  return {.patterns = {row.patterns.begin(), row.patterns.end()},
          .whole_pieces_first = (row.traits & whole_pieces) != 0,
          .adds_beginning_of_text = (row.traits & beginning) != 0,
          .normalizes_nfc = (row.traits & nfc) != 0};
}

}  // namespace

Expected<SplittingRules> splitting_rules(std::string_view name, size_t token_count) {
  if (name.empty() || name == "default") name = token_count == llama3_token_count ? "llama-bpe" : "gpt-2";
  std::string known;
  for (const Row& row : rows()) {
    if (std::find(row.names.begin(), row.names.end(), name) != row.names.end()) return rules_of(row);
    for (const std::string_view other : row.names) known.append(known.empty() ? "" : ", ").append(other);
  }
  return Error{"the pre-tokenizer '" + std::string(name) +
               "' (tokenizer.ggml.pre) is not known; choose with --pre one of " + known};
}

std::string_view name_of_rules(const SplittingRules& rules) {
  for (const Row& row : rows()) {
    SplittingRules known = rules_of(row);
    known.adds_beginning_of_text = rules.adds_beginning_of_text;
    if (known == rules) return row.names.front();
  }
  return {};
}

bool is_known_pattern(std::string_view pattern) {
  return std::ranges::any_of(
      rows(), [&](const Row& row) { return std::ranges::find(row.patterns, pattern) != row.patterns.end(); });
}

std::string_view gpt2_pattern() {
  return gpt2;
}

}  // namespace tern::runtime

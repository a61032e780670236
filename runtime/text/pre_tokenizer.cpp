#include "runtime/text/pre_tokenizer.h"

#include <cassert>

#include "base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace tern::runtime {
namespace {

// Unicode's White_Space, to go between brackets. PCRE2's own \s would add U+180E, which lost that property in
// Unicode 6.3.
const std::string white =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// White space up to the last one before a word, which goes with that word; or whatever there is.
const std::string white_space = "[" + white + "]+(?![^" + white + "])|[" + white + "]+";

// GPT-2: English contractions; words, numbers and punctuation, each with the space before it.
std::string gpt2_pattern() {
  return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{L}\p{N})" + white + "]+|" + white_space;
}

// LLaMA-3 and Qwen-2, which differ in the digits of a piece: a word may take one other character before it,
// punctuation the line ends behind it, and line ends the white space before them.
std::string llama3_pattern(const std::string& digits) {
  return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits + R"(| ?[^\p{L}\p{N})" + white +
         R"(]+[\r\n]*|[)" + white + R"(]*[\r\n]+|)" + white_space;
}

SplittingRules gpt2_rules() {
  return {.pattern = gpt2_pattern()};
}

SplittingRules llama3_rules() {
  return {
      .pattern = llama3_pattern(R"(\p{N}{1,3})"), .whole_pieces_first = true, .adds_beginning_of_text = true};
}

SplittingRules qwen2_rules() {
  return {.pattern = llama3_pattern(R"(\p{N})")};
}

struct Row {
  std::string_view name;
  SplittingRules (*rules)();
};

constexpr Row rows[] = {
    {"gpt-2", gpt2_rules},      {"gpt2", gpt2_rules},       {"llama-bpe", llama3_rules},
    {"llama3", llama3_rules},   {"llama-v3", llama3_rules}, {"falcon3", llama3_rules},
    {"falcon_e", llama3_rules}, {"falcon-e", llama3_rules}, {"qwen2", qwen2_rules},
};

constexpr size_t llama3_token_count = 128256;

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatchData>;

// Length of the piece at the front of `text`, which is well-formed UTF-8. The patterns match from every
// character on, so only a limit inside PCRE2 can keep it from matching; then all that is left is one piece.
size_t piece_length(const pcre2_code* code, pcre2_match_data* data, std::string_view text) {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  if (pcre2_match(code, subject, text.size(), 0, PCRE2_NO_UTF_CHECK, data, nullptr) < 0) return text.size();
  return pcre2_get_ovector_pointer(data)[1];
}

}  // namespace

Expected<SplittingRules> splitting_rules(std::string_view name, size_t token_count) {
  if (name.empty() || name == "default") {
    return token_count == llama3_token_count ? llama3_rules() : gpt2_rules();
  }
  std::string known;
  for (const Row& row : rows) {
    if (row.name == name) return row.rules();
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return Error{"the pre-tokenizer '" + std::string(name) +
               "' (tokenizer.ggml.pre) is not known; choose with --pre one of " + known};
}

PreTokenizer::PreTokenizer(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE where = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &where, nullptr);
  assert(code != nullptr);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, matching interprets the pattern
  code_ = std::shared_ptr<const pcre2_code>(code, [](pcre2_code* c) { pcre2_code_free(c); });
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  const MatchData data(pcre2_match_data_create(1, nullptr));
  while (!text.empty()) {
    std::string_view valid = text.substr(0, utf8_valid_prefix(text));
    text.remove_prefix(valid.size());
    while (!valid.empty()) {
      const size_t length = piece_length(code_.get(), data.get(), valid);
      pieces.push_back(valid.substr(0, length));
      valid.remove_prefix(length);
    }
    if (!text.empty()) {  // the byte that is not valid
      pieces.push_back(text.substr(0, 1));
      text.remove_prefix(1);
    }
  }
  return pieces;
}

}  // namespace tern::runtime

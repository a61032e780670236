#include "runtime/text/pre_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "runtime/text/foreign_pattern.h"
#include "runtime/text/splitting_rules.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace tern::runtime {
namespace {

constexpr size_t most_patterns = 16;
constexpr size_t steps_per_byte = 1000, steps_at_least = 10000;

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatchData>;

struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using Context = std::unique_ptr<pcre2_match_context, FreeContext>;

// How many more steps a pattern may take, and where its last one was.
struct Budget {
  size_t steps;
  size_t position = 0;
};

// PCRE2 calls this before each item of a bounded pattern. A step is the item or a byte that was run over
// since the last call. Stopping a match here is an error of the match.
int count_steps(pcre2_callout_block* block, void* data) {
  auto& budget = *static_cast<Budget*>(data);
  const size_t here = block->current_position;
  const size_t cost = 1 + (here > budget.position ? here - budget.position : budget.position - here);
  budget.position = here;
  if (cost > budget.steps) return PCRE2_ERROR_CALLOUT;
  budget.steps -= cost;
  return 0;
}

std::string message_of(int error) {
  std::array<unsigned char, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

std::shared_ptr<const pcre2_code> compile(const std::string& pattern, bool is_bounded, std::string& fault) {
  const std::string written = with_unicode_white_space(pattern);
  int error = 0;
  PCRE2_SIZE where = 0;
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | (is_bounded ? PCRE2_AUTO_CALLOUT : 0);
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(written.data()), written.size(), options,
                                   &error, &where, nullptr);
  if (code == nullptr) {
    fault = message_of(error);
    return nullptr;
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, matching interprets the pattern
  return {code, [](pcre2_code* c) { pcre2_code_free(c); }};
}

size_t next_character(std::string_view text, size_t at) {
  return at + utf8_step(text.substr(at)).length;
}

// Appends the matches in `piece`, which is well-formed UTF-8, and what lies between them.
void cut(const pcre2_code* code, bool is_bounded, pcre2_match_data* data, std::string_view piece,
         std::vector<std::string_view>& pieces) {
  Budget budget{steps_at_least + steps_per_byte * piece.size()};
  Context context;
  if (is_bounded) {
    context.reset(pcre2_match_context_create(nullptr));
    pcre2_set_callout(context.get(), count_steps, &budget);
  }
  const auto match = [&](size_t from, uint32_t options) {
    budget.position = from;
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(piece.data()), piece.size(), from,
                       PCRE2_NO_UTF_CHECK | options, data, context.get());
  };
  size_t begin = 0;  // of the piece that is not cut off yet
  for (size_t from = 0; from < piece.size();) {
    int found = match(from, 0);
    // The JIT's stack is small, the interpreter's large.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = match(from, PCRE2_NO_JIT);
    if (found < 0) break;
    const size_t* ends = pcre2_get_ovector_pointer(data);
    if (ends[0] > begin) pieces.push_back(piece.substr(begin, ends[0] - begin));
    if (ends[1] > ends[0]) pieces.push_back(piece.substr(ends[0], ends[1] - ends[0]));
    begin = ends[1];
    from = ends[1] > ends[0] || begin == piece.size() ? begin : next_character(piece, begin);
  }
  if (begin < piece.size()) pieces.push_back(piece.substr(begin));
}

}  // namespace

Expected<PreTokenizer> PreTokenizer::make(const std::vector<std::string>& patterns) {
  if (patterns.size() > most_patterns) {
    return Error{fmt::format("{} patterns cut the text; {} are allowed", patterns.size(), most_patterns)};
  }
  PreTokenizer result;
  for (const std::string& pattern : patterns) {
    const bool is_bounded = !is_known_pattern(pattern);
    if (is_bounded) TERN_TRY(check_foreign_pattern(pattern));
    std::string fault;
    Step step{compile(pattern, is_bounded, fault), is_bounded};
    if (!step.code) return Error{fmt::format("the pattern '{}' is none: {}", pattern, fault)};
    result.steps_.push_back(std::move(step));
  }
  return result;
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  std::vector<std::string_view> uncut;
  const MatchData data(pcre2_match_data_create(1, nullptr));
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, utf8_valid_prefix(text));
    text.remove_prefix(valid.size());
    std::vector<std::string_view> parts;
    if (!valid.empty()) parts.push_back(valid);
    for (const Step& step : steps_) {
      uncut.swap(parts);
      parts.clear();
      for (const std::string_view part : uncut)
        cut(step.code.get(), step.is_bounded, data.get(), part, parts);
    }
    pieces.insert(pieces.end(), parts.begin(), parts.end());
    if (!text.empty()) {  // the byte that is not valid
      pieces.push_back(text.substr(0, 1));
      text.remove_prefix(1);
    }
  }
  return pieces;
}

}  // namespace tern::runtime

// How a text is cut into sequences that a model can read, and which of their tokens count.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/text/tokenizer.h"

namespace tern::runtime {

// C = tokens of a window, S = stride. The text has tokens 0 .. N-1; "scored" is a token that is predicted
// from those before it in its window. docs/evaluating.md has the formulas and their sources.
enum class WindowMethod : uint8_t {
  // Window i is the beginning-of-text token and the text's tokens i(C-1) .. (i+1)(C-1)-1, all scored. A model
  // that has no such token scores all but the first of each window.
  runs,
  // llama-perplexity's: window i is tokens iC .. (i+1)C-1, without a rest that is shorter; the latter half is
  // scored, tokens C/2+1 .. C-1 of it.
  halves,
  // llama-perplexity's with --ppl-stride: window i is tokens iS .. iS+C-1, while these end before the text;
  // the last
  // S are scored.
  strided,
  // Hugging Face's: window i is tokens iS .. iS+C-1, the last may be shorter; what the window before had not
  // is scored.
  sliding
};

// By their names: "runs", "halves", "strided", "sliding".
std::optional<WindowMethod> find_window_method(std::string_view name);

struct WindowOptions {
  WindowMethod method = WindowMethod::runs;
  size_t context = 0;      // C
  size_t stride = 0;       // S, of strided and sliding; 0: half of C
  size_t max_windows = 0;  // 0: all
};

// Tokens [begin, end) of a text, of which those from `first_scored` on are scored.
struct TextWindow {
  size_t begin = 0, end = 0, first_scored = 0;
  bool operator==(const TextWindow&) const = default;
};

// The windows of `tokens` tokens; `beginning_is_added`: whether runs have a beginning-of-text token in front.
// Errors: a context too small for the method, a stride that would leave tokens out, a text that fills no
// window.
Expected<std::vector<TextWindow>> plan_windows(size_t tokens, const WindowOptions& options,
                                               bool beginning_is_added);

// A text as windows of tokens.
struct CutText {
  std::vector<uint32_t>
      tokens;              // what is cut: the text's, after a beginning-of-text token where one is added
  size_t text_tokens = 0;  // tokens of the text alone
  std::vector<TextWindow> windows;
  std::optional<uint32_t> beginning;  // put at the beginning of each window
  bool replaces_first = false;        // in place of the window's first token, not before it
};

// Makes tokens of a text, without looking for control tokens in it, and cuts them. For all methods but runs,
// the beginning-of-text token stands in front of the text if the model adds one; for halves and strided, it
// then takes the place of the first token of each window.
Expected<CutText> cut_text(const Tokenizer& tokenizer, std::string_view text, const WindowOptions& options);

// A window as a sequence to run, and the index of its first token that is scored, which is at least 1.
struct WindowTokens {
  std::vector<uint32_t> tokens;
  size_t first_scored = 1;
};
WindowTokens window_tokens(const CutText& text, size_t window);

}  // namespace tern::runtime

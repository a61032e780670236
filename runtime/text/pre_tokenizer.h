// Cuts text into the pieces that byte-level BPE then works on one by one; no token spans two pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

struct pcre2_real_code_8;

namespace tern::runtime {

// The rules that a value of the key `tokenizer.ggml.pre` names.
struct SplittingRules {
  std::string pattern;                  // PCRE2; matches from every character on
  bool whole_pieces_first = false;      // a piece that is a token is that token, whatever the merges say
  bool adds_beginning_of_text = false;  // unless the file says otherwise
};

// Looks the name up. A vocabulary without a name (empty or "default") has LLaMA-3's rules if it is as large
// as LLaMA-3's, since the published file of BitNet b1.58 2B4T lacks the name, and else GPT-2's. An unknown
// name is an error: text cut by other rules than in training gives other tokens, and worse text.
Expected<SplittingRules> splitting_rules(std::string_view name, size_t token_count);

class PreTokenizer {
 public:
  // `pattern` must be valid: it comes from our own table.
  explicit PreTokenizer(const std::string& pattern);

  // Cuts `text` into pieces; joined, they are the text again. A byte that is not part of well-formed UTF-8 is
  // a piece of its own. Safe to call from several threads.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  std::shared_ptr<const pcre2_real_code_8> code_;
};

}  // namespace tern::runtime

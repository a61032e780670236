// How byte-level BPE cuts text before it makes tokens: a row for each value of the key `tokenizer.ggml.pre`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

namespace tern::runtime {

// What happens to a text before merges are applied to its bytes.
struct SplittingRules {
  // Regular expressions as a tokenizer.json has them, with CR and LF written as \r and \n. They are applied
  // one after the other: each cuts the pieces that the one before it left, into its matches and the stretches
  // between them. None at all: the text is one piece. \s is Unicode's White_Space.
  std::vector<std::string> patterns;
  bool whole_pieces_first = false;      // a piece that is a token is that token, whatever the merges say
  bool adds_beginning_of_text = false;  // unless the file says otherwise
  bool normalizes_nfc = false;          // the text is brought into Unicode's normalization form C first

  bool operator==(const SplittingRules&) const = default;
};

// Looks the name up. A vocabulary without a name (empty or "default") has LLaMA-3's rules if it is as large
// as LLaMA-3's, since the published file of BitNet b1.58 2B4T lacks the name, and else GPT-2's. An unknown
// name is an error: text cut by other rules than in training gives other tokens, and worse text.
Expected<SplittingRules> splitting_rules(std::string_view name, size_t token_count);

// The name under which the table has the rules, whatever they say of the beginning of a text; empty if it has
// none. Of several names, the one that llama.cpp writes.
std::string_view name_of_rules(const SplittingRules& rules);

// Tells whether a row of the table has the pattern.
bool is_known_pattern(std::string_view pattern);

// GPT-2's pattern, which byte-level pre-tokenizers apply unless they are told not to.
std::string_view gpt2_pattern();

// The name for rules that the table lacks: the file states the rules itself (Vocabulary::own_rules).
inline constexpr std::string_view own_rules_name = "tern";

}  // namespace tern::runtime

// Context-free grammars whose letters are bytes.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>
#include <vector>

namespace tern::runtime {

using ByteSet = std::bitset<256>;

// A set of one byte; of the bytes from `first` to `last`, both included.
ByteSet one_byte(unsigned char byte);
ByteSet byte_range(unsigned char first, unsigned char last);

// One byte of a set, or a text of the rule with a number.
struct GrammarElement {
  int rule = -1;  // -1: one of `bytes`
  ByteSet bytes;
};
using GrammarSequence = std::vector<GrammarElement>;

// A rule stands for the texts of any of its alternatives. The whole grammar is the texts of rule `root`.
struct GrammarRules {
  std::vector<std::vector<GrammarSequence>> rules;
  int root = 0;

  int add(std::vector<GrammarSequence> alternatives);
};

// Parts of sequences.
void append_text(GrammarSequence& sequence, std::string_view text);
void append_rule(GrammarSequence& sequence, int rule);
void append_bytes(GrammarSequence& sequence, const ByteSet& bytes);

// Takes out every alternative that stands for no text, because it needs a rule that has none. False if the
// root has none.
bool prune(GrammarRules& grammar);

}  // namespace tern::runtime

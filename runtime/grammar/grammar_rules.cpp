#include "runtime/grammar/grammar_rules.h"

#include <algorithm>

namespace tern::runtime {

ByteSet one_byte(unsigned char byte) {
  return byte_range(byte, byte);
}

ByteSet byte_range(unsigned char first, unsigned char last) {
  ByteSet set;
  for (unsigned byte = first; byte <= last; ++byte) set.set(byte);
  return set;
}

int GrammarRules::add(std::vector<GrammarSequence> alternatives) {
  rules.push_back(std::move(alternatives));
  return static_cast<int>(rules.size()) - 1;
}

void append_text(GrammarSequence& sequence, std::string_view text) {
  for (const char c : text) append_bytes(sequence, one_byte(static_cast<unsigned char>(c)));
}

void append_rule(GrammarSequence& sequence, int rule) {
  sequence.push_back({rule, {}});
}

void append_bytes(GrammarSequence& sequence, const ByteSet& bytes) {
  sequence.push_back({-1, bytes});
}

bool prune(GrammarRules& grammar) {
  std::vector<bool> has_text(grammar.rules.size());
  const auto sequence_has_text = [&](const GrammarSequence& sequence) {
    return std::ranges::all_of(sequence, [&](const GrammarElement& element) {
      return element.rule < 0 ? element.bytes.any() : bool(has_text[static_cast<size_t>(element.rule)]);
    });
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t rule = 0; rule < has_text.size(); ++rule) {
      if (has_text[rule] || !std::ranges::any_of(grammar.rules[rule], sequence_has_text)) continue;
      has_text[rule] = changed = true;
    }
  }
  for (std::vector<GrammarSequence>& rule : grammar.rules)
    std::erase_if(rule, [&](const GrammarSequence& sequence) { return !sequence_has_text(sequence); });
  return has_text[static_cast<size_t>(grammar.root)];
}

}  // namespace tern::runtime

// Follows the texts of a grammar byte by byte.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "runtime/grammar/grammar_rules.h"

namespace tern::runtime {

// A deterministic automaton over bytes, whose states are made when they are first reached. A state is the set
// of all ways in which the bytes so far may be read; each way is a stack of places in the rules that are
// still open. A way that is deeper than max_depth is dropped, so that nothing nests without end.
class ByteAutomaton {
 public:
  using State = int;
  static constexpr State dead = -1;  // no text of the grammar begins so
  static constexpr size_t max_depth = 256;
  static constexpr size_t max_states = 50000;  // beyond it, every new state is dead

  // Precondition: prune() has said true of the rules, or else all is dead.
  explicit ByteAutomaton(const GrammarRules& grammar);

  State start() const { return start_; }
  State next(State state, unsigned char byte);
  // The state after all bytes of a text.
  State next(State state, std::string_view text);
  // Whether the bytes so far are a whole text of the grammar.
  bool accepts(State state) const { return state != dead && states_[static_cast<size_t>(state)].accepts; }
  size_t states() const { return states_.size(); }

 private:
  // A place between elements of the rules, which lie in one row; an end follows each sequence.
  struct Place {
    enum class Kind { bytes, rule, end } kind;
    ByteSet bytes;
    int rule;
  };
  using Stack = std::vector<int>;   // places; the last is where to go on
  using Ways = std::vector<Stack>;  // sorted; an empty one is a whole text
  struct Entry {
    const Ways* ways;  // a key of ids_
    bool accepts;
    std::array<State, 256> next;
  };
  static constexpr State unknown = -2;

  State intern(std::vector<Stack> open);
  void leave_ended(Stack& stack) const;

  std::vector<Place> places_;
  std::vector<std::vector<int>> beginnings_;  // of the alternatives of each rule
  std::map<Ways, State> ids_;
  std::vector<Entry> states_;
  State start_ = dead;
};

}  // namespace tern::runtime

#include "runtime/grammar/byte_automaton.h"

#include <algorithm>
#include <set>

namespace tern::runtime {

ByteAutomaton::ByteAutomaton(const GrammarRules& grammar) {
  for (const std::vector<GrammarSequence>& rule : grammar.rules) {
    beginnings_.emplace_back();
    for (const GrammarSequence& sequence : rule) {
      beginnings_.back().push_back(static_cast<int>(places_.size()));
      for (const GrammarElement& element : sequence) {
        places_.push_back(
            {element.rule < 0 ? Place::Kind::bytes : Place::Kind::rule, element.bytes, element.rule});
      }
      places_.push_back({Place::Kind::end, {}, -1});
    }
  }
  std::vector<Stack> open;
  for (const int beginning : beginnings_[static_cast<size_t>(grammar.root)]) open.push_back({beginning});
  start_ = intern(std::move(open));
}

// Rules that have ended are left, also before the next one is called: so what repeats nests no deeper.
void ByteAutomaton::leave_ended(Stack& stack) const {
  while (!stack.empty() && places_[static_cast<size_t>(stack.back())].kind == Place::Kind::end)
    stack.pop_back();
}

// Goes on from each stack up to the places where a byte is read.
ByteAutomaton::State ByteAutomaton::intern(std::vector<Stack> open) {
  std::set<Stack> seen(open.begin(), open.end());
  Ways ways;
  const auto add = [&](Stack stack) {
    leave_ended(stack);
    if (stack.size() <= max_depth && seen.insert(stack).second) open.push_back(std::move(stack));
  };
  while (!open.empty()) {
    Stack stack = std::move(open.back());
    open.pop_back();
    leave_ended(stack);
    if (stack.empty()) {
      ways.emplace_back();
      continue;
    }
    const int at = stack.back();
    const Place& place = places_[static_cast<size_t>(at)];
    if (place.kind == Place::Kind::bytes) {
      ways.push_back(std::move(stack));
      continue;
    }
    stack.back() = at + 1;
    leave_ended(stack);
    for (const int beginning : beginnings_[static_cast<size_t>(place.rule)]) {
      Stack deeper = stack;
      deeper.push_back(beginning);
      add(std::move(deeper));
    }
  }
  if (ways.empty()) return dead;
  std::ranges::sort(ways);
  ways.erase(std::unique(ways.begin(), ways.end()), ways.end());
  const auto found = ids_.find(ways);
  if (found != ids_.end()) return found->second;
  if (states_.size() >= max_states) return dead;
  const State state = static_cast<State>(states_.size());
  const bool accepts = ways.front().empty();
  const auto inserted = ids_.emplace(std::move(ways), state).first;
  Entry entry{&inserted->first, accepts, {}};
  entry.next.fill(unknown);
  states_.push_back(entry);
  return state;
}

ByteAutomaton::State ByteAutomaton::next(State state, unsigned char byte) {
  if (state == dead) return dead;
  const State known = states_[static_cast<size_t>(state)].next[byte];
  if (known != unknown) return known;
  std::vector<Stack> open;
  for (const Stack& way : *states_[static_cast<size_t>(state)].ways) {
    if (way.empty() || !places_[static_cast<size_t>(way.back())].bytes.test(byte)) continue;
    open.push_back(way);
    ++open.back().back();
  }
  const State found = open.empty() ? dead : intern(std::move(open));
  states_[static_cast<size_t>(state)].next[byte] = found;
  return found;
}

ByteAutomaton::State ByteAutomaton::next(State state, std::string_view text) {
  for (const char c : text) state = next(state, static_cast<unsigned char>(c));
  return state;
}

}  // namespace tern::runtime

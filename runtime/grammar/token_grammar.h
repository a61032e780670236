// Which tokens may come next, so that the text stays one of a grammar.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/expected.h"
#include "runtime/grammar/byte_automaton.h"
#include "runtime/text/tokenizer.h"

namespace tern::runtime {

// The texts of a vocabulary's tokens as a tree: tokens that begin alike share a way from the root.
class TokenTree {
 public:
  // The tokenizer must outlive the tree.
  explicit TokenTree(const Tokenizer& tokenizer);

  size_t tokens() const { return tokenizer_->size(); }
  // Tokens that end a text.
  const std::vector<uint32_t>& ends() const { return ends_; }

 private:
  friend class TokenGrammar;
  // Nodes in the order of a walk that visits a node before what is below it.
  struct Node {
    unsigned char byte;
    uint32_t after = 0;  // the node that follows all below this one
    std::vector<uint32_t> tokens;
  };
  const Tokenizer* tokenizer_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> ends_;
};

// A grammar over a vocabulary. Masks are made when they are first asked for, and kept. One thread at a time.
class TokenGrammar {
 public:
  using State = ByteAutomaton::State;
  using Mask = std::vector<bool>;  // by token id

  // Error: a grammar that has no text.
  static Expected<std::shared_ptr<TokenGrammar>> make(GrammarRules rules,
                                                      std::shared_ptr<const TokenTree> tree);

  State start() const { return automaton_.start(); }
  // The state after one more token, or after bytes. A token that ends a text changes nothing.
  State next(State state, uint32_t token);
  State next(State state, std::string_view bytes) { return automaton_.next(state, bytes); }
  // The tokens that may follow: those whose bytes, at least one, some text of the grammar goes on with; and
  // those that end a text, if the grammar has the text so far.
  const Mask& mask(State state);
  bool accepts(State state) const { return automaton_.accepts(state); }

 private:
  TokenGrammar(const GrammarRules& rules, std::shared_ptr<const TokenTree> tree)
      : automaton_(rules), tree_(std::move(tree)) {}

  ByteAutomaton automaton_;
  std::shared_ptr<const TokenTree> tree_;
  std::map<State, Mask> masks_;
};

}  // namespace tern::runtime

#include "runtime/grammar/token_grammar.h"

#include <algorithm>

namespace tern::runtime {
namespace {

constexpr size_t most_masks = 4096;  // that are kept: 16 KiB each for 128 thousand tokens

}  // namespace

TokenTree::TokenTree(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {
  std::vector<std::pair<std::string, uint32_t>> texts;
  for (uint32_t id = 0; id < tokenizer.size(); ++id) {
    if (tokenizer.is_end(id)) {
      ends_.push_back(id);
      continue;
    }
    std::string bytes = tokenizer.decode(id);
    if (!bytes.empty()) texts.emplace_back(std::move(bytes), id);
  }
  std::ranges::sort(texts);
  std::vector<uint32_t> way;  // nodes of the last text
  const auto leave = [&](size_t depth) {
    for (; way.size() > depth; way.pop_back())
      nodes_[way.back()].after = static_cast<uint32_t>(nodes_.size());
  };
  const std::string* last = nullptr;
  for (const auto& [text, id] : texts) {
    size_t same = 0;
    while (last != nullptr && same < last->size() && same < text.size() && (*last)[same] == text[same])
      ++same;
    leave(same);
    for (size_t i = same; i < text.size(); ++i) {
      way.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({static_cast<unsigned char>(text[i]), 0, {}});
    }
    nodes_[way.back()].tokens.push_back(id);
    last = &text;
  }
  leave(0);
}

Expected<std::shared_ptr<TokenGrammar>> TokenGrammar::make(GrammarRules rules,
                                                           std::shared_ptr<const TokenTree> tree) {
  if (!prune(rules)) return Error{"no finite text fits"};
  return std::shared_ptr<TokenGrammar>(new TokenGrammar(rules, std::move(tree)));
}

TokenGrammar::State TokenGrammar::next(State state, uint32_t token) {
  if (tree_->tokenizer_->is_end(token)) return state;
  return automaton_.next(state, tree_->tokenizer_->decode(token));
}

const TokenGrammar::Mask& TokenGrammar::mask(State state) {
  const auto found = masks_.find(state);
  if (found != masks_.end()) return found->second;
  if (masks_.size() >= most_masks) masks_.clear();
  Mask mask(tree_->tokens());
  if (automaton_.accepts(state))
    for (const uint32_t end : tree_->ends()) mask[end] = true;
  std::vector<std::pair<State, uint32_t>> way = {{state, UINT32_MAX}};  // a state, and where it is left
  for (uint32_t at = 0; at < tree_->nodes_.size();) {
    while (at >= way.back().second) way.pop_back();
    const TokenTree::Node& node = tree_->nodes_[at];
    const State next = automaton_.next(way.back().first, node.byte);
    if (next == ByteAutomaton::dead) {
      at = node.after;
      continue;
    }
    for (const uint32_t token : node.tokens) mask[token] = true;
    way.emplace_back(next, node.after);
    ++at;
  }
  return masks_.emplace(state, std::move(mask)).first->second;
}

}  // namespace tern::runtime

// Byte-pair merging in O(n log n): a heap of possible merges over a linked list of symbols.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tern::runtime {

// Stands for "these bytes are no token".
inline constexpr uint32_t no_token = UINT32_MAX;

// A stretch of the text that is being merged, and its token or no_token.
struct Symbol {
  size_t begin;
  size_t length;  // bytes, at least 1
  uint32_t token;
};

// What two neighbours may become, and how urgently: lower ranks go first.
struct Merge {
  uint32_t rank;
  uint32_t token;
};

// Joins neighbouring symbols until no merge applies: always the one of lowest rank, the leftmost of equals.
// Done by looking at all pairs each time, a text of n symbols takes O(n^2) steps, and a pre-tokenizer does
// not bound n: a megabyte of one letter is one piece. Here each merge brings at most two new candidates, so
// there are less than 3n look-ups and heap operations. A candidate whose symbols have changed since it was
// queued is skipped when it comes up. The object keeps its memory from one text to the next.
class MergeQueue {
 public:
  void clear() {
    nodes_.clear();
    heap_.clear();
  }

  // Adds the next `length` bytes of the text.
  void append(size_t length, uint32_t token) {
    const size_t index = nodes_.size();
    const size_t begin = index == 0 ? 0 : nodes_.back().symbol.begin + nodes_.back().symbol.length;
    nodes_.push_back({{begin, length, token}, index - 1, index + 1});
  }

  // `find(left, right)` says what two neighbouring Symbols become: std::optional<Merge>.
  template <class Find>
  void merge(const Find& find) {
    for (size_t left = 0; left + 1 < nodes_.size(); ++left) propose(left, find);
    std::make_heap(heap_.begin(), heap_.end(), comes_later);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), comes_later);
      const Candidate candidate = heap_.back();
      heap_.pop_back();
      if (!is_current(candidate)) continue;
      join(candidate);
      const size_t left = candidate.left;
      if (left > 0 && propose(nodes_[left].previous, find)) push_last();
      if (nodes_[left].next < nodes_.size() && propose(left, find)) push_last();
    }
  }

  // Calls `visit(symbol)` for each symbol that is left, in the order of the text.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (size_t index = 0; index < nodes_.size(); index = nodes_[index].next) visit(nodes_[index].symbol);
  }

 private:
  // Indices are in the order of the text. A node that was joined to its left neighbour has length 0.
  struct Node {
    Symbol symbol;
    size_t previous, next;
  };
  struct Candidate {
    Merge merge;
    size_t left, right;
    size_t length;  // of both symbols when this was queued
  };

  static bool comes_later(const Candidate& a, const Candidate& b) {
    return a.merge.rank != b.merge.rank ? a.merge.rank > b.merge.rank : a.left > b.left;
  }

  // Puts the merge of `left` and its right neighbour, if there is one, at the end of heap_.
  template <class Find>
  bool propose(size_t left, const Find& find) {
    const size_t right = nodes_[left].next;
    const Symbol& a = nodes_[left].symbol;
    const Symbol& b = nodes_[right].symbol;
    const std::optional<Merge> merge = find(a, b);
    if (merge) heap_.push_back({*merge, left, right, a.length + b.length});
    return merge.has_value();
  }

  void push_last() { std::push_heap(heap_.begin(), heap_.end(), comes_later); }

  // Symbols only grow or vanish, so if both are there and their lengths add up, neither has changed.
  bool is_current(const Candidate& candidate) const {
    const size_t left_length = nodes_[candidate.left].symbol.length;
    const size_t right_length = nodes_[candidate.right].symbol.length;
    return left_length > 0 && right_length > 0 && left_length + right_length == candidate.length;
  }

  void join(const Candidate& candidate) {
    Node& left = nodes_[candidate.left];
    Node& right = nodes_[candidate.right];
    left.symbol.length = candidate.length;
    left.symbol.token = candidate.merge.token;
    left.next = right.next;
    if (left.next < nodes_.size()) nodes_[left.next].previous = candidate.left;
    right.symbol.length = 0;
  }

  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
};

}  // namespace tern::runtime

// Beginnings of texts whose keys and values are at hand, so that the next text that begins so need not
// compute them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "runtime/sequence/page_pool.h"

namespace tern::serve {

// A radix tree over whole pages: an edge is the ids of the tokens of one page, a node holds a share in that
// page. The keys and values of a page depend on the tokens before it too, which are the way from the root to
// its node. Ids are compared, not hashes of them, so two texts are never taken for one another.
//
// Not for models with a recurrent state, of which no page tells what came before it.
class PrefixTree {
 public:
  // `positions`: tokens of a page. The pool of the pages must outlive the tree.
  explicit PrefixTree(size_t positions);
  ~PrefixTree();

  // The most whole pages that `tokens` begins with, in order; they count as used now.
  std::vector<runtime::PageReference> find(std::span<const uint32_t> tokens);

  // Takes a share in each of `pages`, which hold the keys and values of `tokens`, and which count as used
  // now. Where the tree has a page of the same tokens already, it keeps that one. Precondition: tokens.size()
  // == pages.size() * positions.
  void insert(std::span<const uint32_t> tokens, std::span<const runtime::PageReference> pages);

  // Gives one page back to the pool: of the pages that no sequence shares and that no longer beginning in the
  // tree needs, the one least recently used. False if there is none.
  bool evict();

  // Pages that the tree has a share in.
  size_t pages() const { return pages_; }

 private:
  struct Node;
  struct TokensLess {
    using is_transparent = void;
    bool operator()(std::span<const uint32_t> a, std::span<const uint32_t> b) const;
  };
  using Children = std::map<std::vector<uint32_t>, std::unique_ptr<Node>, TokensLess>;

  void touch(Node& node);

  const size_t positions_;
  size_t pages_ = 0;
  uint64_t uses_ = 0;  // a clock: the number of calls of touch()
  std::unique_ptr<Node> root_;
  std::set<std::pair<uint64_t, Node*>> leaves_;  // by when they were last used
};

}  // namespace tern::serve

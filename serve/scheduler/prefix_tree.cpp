#include "serve/scheduler/prefix_tree.h"

#include <algorithm>
#include <cassert>
#include <optional>

namespace tern::serve {

struct PrefixTree::Node {
  Node* parent = nullptr;
  std::optional<runtime::PageReference> page;  // empty at the root
  uint64_t last_used = 0;
  Children children;
  Children::iterator place;  // in the parent's children
};

bool PrefixTree::TokensLess::operator()(std::span<const uint32_t> a, std::span<const uint32_t> b) const {
  return std::ranges::lexicographical_compare(a, b);
}

PrefixTree::PrefixTree(size_t positions) : positions_(positions), root_(std::make_unique<Node>()) {}

PrefixTree::~PrefixTree() = default;

// A parent is touched whenever a child is, and before it. So an inner node becomes a leaf with the time of
// the last use of any text through it.
void PrefixTree::touch(Node& node) {
  const bool is_leaf = node.children.empty();
  if (is_leaf) leaves_.erase({node.last_used, &node});
  node.last_used = ++uses_;
  if (is_leaf) leaves_.insert({node.last_used, &node});
}

std::vector<runtime::PageReference> PrefixTree::find(std::span<const uint32_t> tokens) {
  std::vector<runtime::PageReference> pages;
  Node* node = root_.get();
  while (tokens.size() >= positions_) {
    const auto found = node->children.find(tokens.first(positions_));
    if (found == node->children.end()) break;
    node = found->second.get();
    touch(*node);
    pages.push_back(*node->page);
    tokens = tokens.subspan(positions_);
  }
  return pages;
}

void PrefixTree::insert(std::span<const uint32_t> tokens, std::span<const runtime::PageReference> pages) {
  assert(tokens.size() == pages.size() * positions_);
  Node* node = root_.get();
  for (const runtime::PageReference& page : pages) {
    const std::span<const uint32_t> edge = tokens.first(positions_);
    tokens = tokens.subspan(positions_);
    auto found = node->children.find(edge);
    if (found == node->children.end()) {
      if (node != root_.get() && node->children.empty()) leaves_.erase({node->last_used, node});
      found = node->children.emplace(std::vector(edge.begin(), edge.end()), std::make_unique<Node>()).first;
      found->second->parent = node;
      found->second->page = page;
      found->second->place = found;
      ++pages_;
    }
    node = found->second.get();
    touch(*node);
  }
}

bool PrefixTree::evict() {
  const auto found =
      std::ranges::find_if(leaves_, [](const auto& leaf) { return !leaf.second->page->is_shared(); });
  if (found == leaves_.end()) return false;
  Node* node = found->second;
  Node* parent = node->parent;
  leaves_.erase(found);
  parent->children.erase(node->place);
  --pages_;
  if (parent != root_.get() && parent->children.empty()) leaves_.insert({parent->last_used, parent});
  return true;
}

}  // namespace tern::serve

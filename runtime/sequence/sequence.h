// One text in the making: its tokens, and what a model remembers of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/expected.h"
#include "runtime/sequence/page_pool.h"

namespace tern::runtime {

// Keys and values of the tokens are in pages of a pool, position p in page p / positions of a page. Sequences
// share pages by reference: fork() copies none, and reserve() copies a page only where a shared one is to be
// written to. Moves, does not copy. One thread at a time, but for the pages' memory.
class Sequence {
 public:
  // Empty, of at most `capacity` tokens. Takes no page yet.
  Sequence(std::shared_ptr<PagePool> pool, size_t capacity);
  Sequence(Sequence&& other) = default;
  Sequence& operator=(Sequence&& other) noexcept;

  const PageShape& shape() const { return pool_->shape(); }
  PagePool& pool() const { return *pool_; }
  size_t capacity() const { return capacity_; }
  // The tokens whose keys and values are complete, in all layers.
  size_t length() const { return tokens_.size(); }
  std::span<const uint32_t> tokens() const { return tokens_; }

  // Makes room for `tokens` more tokens, in pages that no other sequence shares. Fails, and changes nothing,
  // if the length would exceed the capacity or the pool has not enough free pages.
  Status reserve(size_t tokens);
  // Counts tokens as complete, once every layer has stored their keys and values. Precondition: reserved.
  void extend(std::span<const uint32_t> tokens);
  // Forgets all tokens from position `length` on, and returns the pages that hold none of the others.
  // Precondition: length <= length().
  void truncate(size_t length);

  // Another sequence with the first `length` tokens of this one. It shares their pages; what is appended to
  // either is not seen by the other. Precondition: length <= length().
  Sequence fork(size_t length) const;

  // The memory of the pages that are reserved, in order. Valid until one of the functions above is called.
  std::span<std::byte* const> pages() const { return memory_; }

 private:
  std::shared_ptr<PagePool> pool_;  // outlives the references
  size_t capacity_;
  std::vector<uint32_t> tokens_;
  std::vector<PageReference> references_;
  std::vector<std::byte*> memory_;  // references_[i].data()
};

}  // namespace tern::runtime

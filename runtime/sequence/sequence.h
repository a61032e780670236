// One text in the making: its tokens, and what a model remembers of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/expected.h"
#include "base/memory.h"
#include "runtime/sequence/page_pool.h"

namespace tern::runtime {

// Keys and values of the tokens are in pages of a pool, position p in page p / positions of a page. Sequences
// share pages by reference: fork() copies none, and reserve() copies a page only where a shared one is to be
// written to. Moves, does not copy. One thread at a time, but for the pages' memory.
//
// Of a model with a recurrent state a sequence has this state too, as it is after its last token. It is of
// one size however many tokens there are, and nothing takes a token out of it again: a sequence goes back to
// its checkpoints, or to the beginning, and to no other position.
class Sequence {
 public:
  // Empty, of at most `capacity` tokens. Takes no page yet.
  Sequence(std::shared_ptr<PagePool> pool, size_t capacity);
  // Of `tokens`, whose keys and values are complete in `pages`, which are shared. Preconditions: the pages
  // are of this pool and full: tokens.size() == pages.size() * positions of a page <= capacity; no recurrent
  // state.
  Sequence(std::shared_ptr<PagePool> pool, size_t capacity, std::span<const uint32_t> tokens,
           std::span<const PageReference> pages);
  Sequence(Sequence&& other) = default;
  Sequence& operator=(Sequence&& other) noexcept;

  const PageShape& shape() const { return pool_->shape(); }
  PagePool& pool() const { return *pool_; }
  size_t capacity() const { return capacity_; }
  // The tokens whose keys and values are complete, in all layers.
  size_t length() const { return tokens_.size(); }
  std::span<const uint32_t> tokens() const { return tokens_; }
  bool is_recurrent() const { return pool_->state_size() > 0; }

  // Makes room for `tokens` more tokens, in pages that no other sequence shares. Fails, and changes nothing,
  // if the length would exceed the capacity, the pool has not enough free pages, or there is no memory for
  // the recurrent state.
  Status reserve(size_t tokens);
  // Counts tokens as complete, once every layer has stored their keys and values and the recurrent state is
  // that after them. Precondition: reserved.
  void extend(std::span<const uint32_t> tokens);
  // Forgets all tokens from position `length` on, and returns the pages that hold none of the others. With a
  // recurrent state it forgets more where it must: see reachable(). length() says how many are left.
  // Precondition: length <= length().
  void truncate(size_t length);
  // How many tokens truncate(length) leaves: `length`, or with a recurrent state the tokens of the last
  // checkpoint that has no more than `length`, 0 if there is none. Precondition: length <= length().
  size_t reachable(size_t length) const;

  // Keeps a copy of the recurrent state, so that truncate() can come back to this length. Only the last
  // max_checkpoints are kept. Does nothing without such a state. Fails where there is no memory for it.
  Status checkpoint();
  static constexpr size_t max_checkpoints = 4;

  // Another sequence with the first `length` tokens of this one. It shares their pages and has a copy of the
  // recurrent state, and of no checkpoint; what is appended to either is not seen by the other. Precondition:
  // length <= length(). Errors: a recurrent state that is not reachable() for just this length; no memory for
  // the copy.
  Expected<Sequence> fork(size_t length) const;

  // The memory of the pages that are reserved, in order. Valid until one of the functions above is called.
  std::span<std::byte* const> pages() const { return memory_; }
  // The same pages as references, for others to share; valid as long.
  std::span<const PageReference> references() const { return references_; }
  // The recurrent state, pool().state_size() f32: that after the last token or, before the first, zeros.
  // Valid as long as the pages. Precondition: reserved.
  std::span<float> state() const { return state_.as<float>(); }

 private:
  struct Checkpoint {
    size_t length;
    Memory state;
  };
  const Checkpoint* checkpoint_at(size_t length) const;  // null if there is none
  size_t state_bytes() const { return pool_->state_size() * sizeof(float); }

  std::shared_ptr<PagePool> pool_;  // outlives the references
  size_t capacity_;
  std::vector<uint32_t> tokens_;
  std::vector<PageReference> references_;
  std::vector<std::byte*> memory_;       // references_[i].data()
  Memory state_;                         // empty before it is first reserved
  std::vector<Checkpoint> checkpoints_;  // in ascending order of their lengths
};

}  // namespace tern::runtime

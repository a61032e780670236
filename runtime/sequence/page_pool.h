// Memory for the keys and values of all sequences, in pages that are counted by reference.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/expected.h"
#include "base/memory.h"
#include "runtime/math/key_value_page.h"

namespace tern::runtime {

class PagePool;

// A share in one page of a pool, which must outlive it. The page goes back to the pool with its last share.
class PageReference {
 public:
  PageReference(const PageReference& other);
  PageReference(PageReference&& other) noexcept;
  PageReference& operator=(PageReference other) noexcept;
  ~PageReference();

  std::byte* data() const;
  // Whether others have a share in the page too: then it must not be written to.
  bool is_shared() const;

 private:
  friend class PagePool;
  PageReference(PagePool& pool, size_t index) : pool_(&pool), index_(index) {}

  PagePool* pool_;  // null once it is moved from
  size_t index_;
};

// A fixed number of pages of one shape. One thread at a time allocates pages, copies references and drops
// them; what is in the pages may be read and written by many.
class PagePool {
 public:
  // A pool of `pages` pages, all free, for sequences that also have a recurrent state of `state_size` f32
  // each (none if it is 0). Fails where the shape has a part that is 0, or positions that are no multiple of
  // key_block, and where there is not the memory. Memory is not touched before it is stored to, so that pages
  // which are not used cost little.
  static Expected<std::shared_ptr<PagePool>> make(const PageShape& shape, size_t pages,
                                                  size_t state_size = 0);

  const PageShape& shape() const { return shape_; }
  size_t state_size() const { return state_size_; }
  size_t pages() const { return shares_.size(); }
  size_t free_pages() const { return free_.size(); }
  size_t bytes() const { return memory_.size(); }

  // A page of its own for the caller. What it holds is not defined, but for the padding of values: zeros.
  // Fails where no page is free.
  Expected<PageReference> allocate();

 private:
  friend class PageReference;
  PagePool() = default;
  std::byte* page(size_t index) const { return memory_.data() + index * page_bytes_; }

  PageShape shape_;
  size_t page_bytes_ = 0, state_size_ = 0;
  Memory memory_;
  std::vector<size_t> shares_;  // by page: references that are alive
  std::vector<size_t> free_;    // the last is allocated next
};

// Pages for `positions` positions of one sequence.
constexpr size_t pages_for(const PageShape& shape, size_t positions) {
  return positions / shape.positions + (positions % shape.positions != 0);
}

}  // namespace tern::runtime

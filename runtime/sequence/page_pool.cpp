#include "runtime/sequence/page_pool.h"

#include <fmt/format.h>

#include <initializer_list>
#include <numeric>
#include <utility>

namespace tern::runtime {
namespace {

// Past any machine's memory: what asks for more is a mistake, and no allocator need be troubled with it.
constexpr size_t max_bytes = size_t{1} << 39;

// Whether the product is at most max_bytes. No factor is 0.
bool is_bounded(std::initializer_list<size_t> factors) {
  size_t product = 1;
  for (const size_t factor : factors) {
    if (factor > max_bytes / product) return false;
    product *= factor;
  }
  return true;
}

}  // namespace

PageReference::PageReference(const PageReference& other) : pool_(other.pool_), index_(other.index_) {
  ++pool_->shares_[index_];
}

PageReference::PageReference(PageReference&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}

PageReference& PageReference::operator=(PageReference other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(index_, other.index_);
  return *this;
}

PageReference::~PageReference() {
  if (pool_ && --pool_->shares_[index_] == 0) pool_->free_.push_back(index_);
}

std::byte* PageReference::data() const {
  return pool_->page(index_);
}

bool PageReference::is_shared() const {
  return pool_->shares_[index_] > 1;
}

Expected<std::shared_ptr<PagePool>> PagePool::make(const PageShape& shape, size_t pages, size_t state_size) {
  if (shape.layers == 0 || shape.kv_heads == 0 || shape.head_dimension == 0 || pages == 0)
    return Error{"keys and values need at least one layer, head, dimension and page", {}};
  if (shape.positions == 0 || shape.positions % key_block != 0)
    return Error{fmt::format("a page of keys and values has a multiple of {} positions, not {}", key_block,
                             shape.positions),
                 {}};
  // Bytes are at most those of f32 keys and values whose dimension is padded.
  const bool bounded =
      is_bounded({shape.layers, shape.kv_heads, shape.head_dimension, shape.positions, pages}) &&
      page_bytes(shape) <= max_bytes / pages;
  Expected<Memory> memory = bounded ? Memory::allocate(page_bytes(shape) * pages) : Error{"", {}};
  if (!memory)
    return machine_error(
        fmt::format("no memory for {} pages of keys and values ({} tokens, {} layers, {} heads of {})", pages,
                    shape.positions, shape.layers, shape.kv_heads, shape.head_dimension));
  std::shared_ptr<PagePool> pool(new PagePool);
  pool->shape_ = shape;
  pool->page_bytes_ = page_bytes(shape);
  pool->state_size_ = state_size;
  pool->memory_ = memory.take();
  pool->shares_.resize(pages);
  pool->free_.resize(pages);
  std::iota(pool->free_.rbegin(), pool->free_.rend(), size_t{0});  // ascending, from the back
  return pool;
}

Expected<PageReference> PagePool::allocate() {
  if (free_.empty())
    return Error{fmt::format("all {} pages of keys and values are in use", shares_.size()), {}};
  const size_t index = free_.back();
  free_.pop_back();
  shares_[index] = 1;
  return PageReference(*this, index);
}

}  // namespace tern::runtime

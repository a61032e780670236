// What attention remembers of one sequence: the keys and values of its tokens, for every layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/expected.h"

namespace tern::runtime {

enum class CacheElement { f16, f32 };

// Keys lie in blocks of this many positions: [position / 32][head dimension][position % 32], so that scores
// are computed for several positions at once, each in a lane of its own.
inline constexpr size_t key_block = 32;
// Values lie as rows, [position][head dimension], padded with zeros to a multiple of this many elements.
inline constexpr size_t value_padding = 16;

struct KvCacheShape {
  size_t layers = 0;
  size_t kv_heads = 0;
  size_t head_dimension = 0;
  size_t capacity = 0;  // in tokens
  CacheElement element = CacheElement::f16;
  bool operator==(const KvCacheShape&) const = default;
};

// The keys and values of one head of one layer, as attention reads them: uint16_t (f16) or float elements.
struct CachedHead {
  const void* keys;
  const void* values;
  size_t head_dimension;
  CacheElement element;
};

// Belongs to one sequence. Different heads of one layer may be stored from different threads at once.
class KvCache {
 public:
  // All zero and empty. Fails where the memory is not there, be it for a size that overflows. Memory is not
  // touched before it is stored to, so that a large capacity costs little until it is used.
  static Expected<KvCache> make(const KvCacheShape& shape);

  const KvCacheShape& shape() const { return shape_; }
  size_t bytes() const { return bytes_; }  // allocated
  // Tokens that are complete, in all layers.
  size_t length() const { return length_; }

  // Stores keys and values of `rows` consecutive tokens for one head, the first at `position`: row r is at
  // keys + r * row_stride, head_dimension floats. Does not change length(). position + rows <= capacity.
  void store(size_t layer, size_t kv_head, size_t position, size_t rows, const float* keys,
             const float* values, size_t row_stride);
  // Counts `tokens` more as complete, once every layer has stored them. length() + tokens <= capacity.
  void extend(size_t tokens);
  // Forgets all tokens from position `length` on. length <= length().
  void truncate(size_t length);

  CachedHead head(size_t layer, size_t kv_head) const;

 private:
  struct Free {
    void operator()(void* memory) const;
  };

  KvCacheShape shape_;
  size_t key_bytes_ = 0, value_bytes_ = 0;  // of one head of one layer
  size_t bytes_ = 0;
  size_t length_ = 0;
  std::unique_ptr<void, Free> memory_;
  std::byte* base_ = nullptr;  // the first 64-byte boundary in memory_

  std::byte* keys_at(size_t layer, size_t kv_head) const;
};

}  // namespace tern::runtime

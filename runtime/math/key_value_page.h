// How a page of keys and values lies in memory, how rows of them are stored, and how attention finds them.
//
// A page holds a fixed number of consecutive positions of one sequence, for all layers and key/value heads:
//   [layer][kv head] { keys [positions / 32][head dimension][32], values [positions][padded dimension] }
// One table of pages then serves all layers, and a page is shared, copied or given back as one thing. Within
// a page the keys of a head are contiguous, and so are its values: what one task of attention reads are a few
// runs of 16 KB or more (64 positions of 128 dimensions in f16), long enough for the CPU to read ahead.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/math/float_ops.h"

namespace tern::runtime {

enum class CacheElement { f16, f32 };

// Keys lie in blocks of this many positions: [position / 32][head dimension][position % 32], so that scores
// are computed for several positions at once, each in a lane of its own.
inline constexpr size_t key_block = 32;
// Values lie as rows, [position][head dimension], padded with zeros to a multiple of this many elements.
inline constexpr size_t value_padding = 16;

struct PageShape {
  size_t layers = 0;
  size_t kv_heads = 0;
  size_t head_dimension = 0;
  size_t positions = 64;  // of one page; a multiple of key_block
  CacheElement element = CacheElement::f16;
  bool operator==(const PageShape&) const = default;
};

// Bytes of one page, a multiple of 64. Precondition: they fit in size_t.
size_t page_bytes(const PageShape& shape);

// The keys and values of one head of one layer of one sequence, uint16_t (f16) or float elements. Position p
// is in pages[p / page_positions].
struct KeyValueHead {
  const std::byte* const* pages;
  size_t page_positions;
  size_t keys, values;  // bytes from the start of a page to the head's first key and first value
  size_t head_dimension;
  CacheElement element;
};
KeyValueHead key_value_head(const PageShape& shape, const std::byte* const* pages, size_t layer,
                            size_t kv_head);

// Stores keys and values of `rows` consecutive positions for one head, the first at `position`: row r is at
// keys + r * row_stride and values + r * row_stride, head_dimension floats, rounded to f16 as f32_to_f16_row
// does. Positions and heads are independent: different threads may store them at once.
void store_keys_values(const FloatOps& ops, const PageShape& shape, std::byte* const* pages, size_t layer,
                       size_t kv_head, size_t position, size_t rows, const float* keys, const float* values,
                       size_t row_stride);

}  // namespace tern::runtime

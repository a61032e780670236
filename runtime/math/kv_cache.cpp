#include "runtime/math/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iterator>

#include "runtime/math/float_ops.h"

namespace tern::runtime {
namespace {

constexpr size_t cache_line = 64;
// Past any machine's memory: what asks for more is a mistake, and no allocator need be troubled with it.
constexpr size_t most_bytes = size_t{1} << 39;

size_t element_bytes(CacheElement element) {
  switch (element) {
    case CacheElement::f16: return sizeof(uint16_t);
    case CacheElement::f32: return sizeof(float);
  }
  return 0;
}

// The product, or something above most_bytes where it is above that. No factor is 0.
size_t bounded_product(std::initializer_list<size_t> factors) {
  size_t product = 1;
  for (const size_t factor : factors) {
    if (factor > most_bytes / product) return most_bytes + 1;
    product *= factor;
  }
  return product;
}

size_t round_up(size_t count, size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// Writes one row of keys into its lane of a block: elements lie key_block apart.
template <class Element>
void scatter(const Element* row, size_t size, Element* lane) {
  for (size_t i = 0; i < size; ++i) lane[i * key_block] = row[i];
}

void store_key(const float* key, size_t size, CacheElement element, std::byte* block, size_t lane) {
  switch (element) {
    case CacheElement::f16: {
      uint16_t halves[64];
      for (size_t i = 0; i < size; i += std::size(halves)) {
        const size_t count = std::min(std::size(halves), size - i);
        f32_to_f16_row(key + i, count, halves);
        scatter(halves, count, reinterpret_cast<uint16_t*>(block) + i * key_block + lane);
      }
      break;
    }
    case CacheElement::f32: scatter(key, size, reinterpret_cast<float*>(block) + lane); break;
  }
}

void store_value(const float* value, size_t size, CacheElement element, std::byte* row) {
  switch (element) {
    case CacheElement::f16: f32_to_f16_row(value, size, reinterpret_cast<uint16_t*>(row)); break;
    case CacheElement::f32: std::memcpy(row, value, size * sizeof(float)); break;
  }
}

}  // namespace

void KvCache::Free::operator()(void* memory) const {
  std::free(memory);
}

Expected<KvCache> KvCache::make(const KvCacheShape& shape) {
  if (shape.layers == 0 || shape.kv_heads == 0 || shape.head_dimension == 0 || shape.capacity == 0) {
    return Error{"a key/value cache needs at least one layer, head, dimension and token", {}};
  }
  const size_t bytes = element_bytes(shape.element);
  const size_t positions = round_up(bounded_product({shape.capacity}), key_block);
  const size_t value_row = round_up(bounded_product({shape.head_dimension}), value_padding);
  KvCache cache;
  cache.shape_ = shape;
  cache.key_bytes_ = round_up(bounded_product({positions, shape.head_dimension, bytes}), cache_line);
  cache.value_bytes_ = round_up(bounded_product({shape.capacity, value_row, bytes}), cache_line);
  const size_t head_bytes = cache.key_bytes_ + cache.value_bytes_;
  cache.bytes_ = bounded_product({head_bytes, shape.layers, shape.kv_heads}) + cache_line;
  // Not written to here: the system hands out zero pages as they are first touched.
  void* memory = cache.bytes_ <= most_bytes ? std::calloc(cache.bytes_, 1) : nullptr;
  if (!memory) {
    return machine_error(
        fmt::format("no memory for the keys and values of {} tokens ({} layers, {} heads of {})",
                    shape.capacity, shape.layers, shape.kv_heads, shape.head_dimension));
  }
  cache.memory_.reset(memory);
  const size_t address = reinterpret_cast<size_t>(memory);
  cache.base_ = static_cast<std::byte*>(memory) + (cache_line - address % cache_line) % cache_line;
  return cache;
}

std::byte* KvCache::keys_at(size_t layer, size_t kv_head) const {
  assert(layer < shape_.layers && kv_head < shape_.kv_heads);
  return base_ + (layer * shape_.kv_heads + kv_head) * (key_bytes_ + value_bytes_);
}

void KvCache::store(size_t layer, size_t kv_head, size_t position, size_t rows, const float* keys,
                    const float* values, size_t row_stride) {
  assert(position + rows <= shape_.capacity);
  const size_t size = shape_.head_dimension, bytes = element_bytes(shape_.element);
  const size_t value_row = round_up(size, value_padding);
  std::byte* key_base = keys_at(layer, kv_head);
  std::byte* value_base = key_base + key_bytes_;
  for (size_t row = 0; row < rows; ++row) {
    const size_t at = position + row;
    std::byte* block = key_base + at / key_block * key_block * size * bytes;
    store_key(keys + row * row_stride, size, shape_.element, block, at % key_block);
    store_value(values + row * row_stride, size, shape_.element, value_base + at * value_row * bytes);
  }
}

void KvCache::extend(size_t tokens) {
  assert(tokens <= shape_.capacity - length_);
  length_ += tokens;
}

void KvCache::truncate(size_t length) {
  assert(length <= length_);
  length_ = length;
}

CachedHead KvCache::head(size_t layer, size_t kv_head) const {
  const std::byte* keys = keys_at(layer, kv_head);
  return {keys, keys + key_bytes_, shape_.head_dimension, shape_.element};
}

}  // namespace tern::runtime

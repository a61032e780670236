#include "runtime/math/key_value_page.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <iterator>

namespace tern::runtime {
namespace {

size_t element_bytes(CacheElement element) {
  switch (element) {
    case CacheElement::f16: return sizeof(uint16_t);
    case CacheElement::f32: return sizeof(float);
  }
  return 0;
}

size_t value_row_bytes(const PageShape& shape) {
  const size_t padded = (shape.head_dimension + value_padding - 1) / value_padding * value_padding;
  return padded * element_bytes(shape.element);
}

// Of one head of one layer.
size_t keys_bytes(const PageShape& shape) {
  return shape.positions * shape.head_dimension * element_bytes(shape.element);
}
size_t head_bytes(const PageShape& shape) {
  return keys_bytes(shape) + shape.positions * value_row_bytes(shape);
}
size_t head_offset(const PageShape& shape, size_t layer, size_t kv_head) {
  assert(layer < shape.layers && kv_head < shape.kv_heads);
  return (layer * shape.kv_heads + kv_head) * head_bytes(shape);
}

// Writes one row of keys into its lane of a block: elements lie key_block apart.
template <class Element>
void scatter(const Element* row, size_t size, Element* lane) {
  for (size_t i = 0; i < size; ++i) lane[i * key_block] = row[i];
}

void store_key(const FloatOps& ops, const float* key, size_t size, CacheElement element, std::byte* block,
               size_t lane) {
  switch (element) {
    case CacheElement::f16: {
      uint16_t halves[64];
      for (size_t i = 0; i < size; i += std::size(halves)) {
        const size_t count = std::min(std::size(halves), size - i);
        ops.f32_to_f16_row(key + i, count, halves);
        scatter(halves, count, reinterpret_cast<uint16_t*>(block) + i * key_block + lane);
      }
      break;
    }
    case CacheElement::f32: scatter(key, size, reinterpret_cast<float*>(block) + lane); break;
  }
}

void store_value(const FloatOps& ops, const float* value, size_t size, CacheElement element, std::byte* row) {
  switch (element) {
    case CacheElement::f16: ops.f32_to_f16_row(value, size, reinterpret_cast<uint16_t*>(row)); break;
    case CacheElement::f32: std::memcpy(row, value, size * sizeof(float)); break;
  }
}

}  // namespace

size_t page_bytes(const PageShape& shape) {
  return shape.layers * shape.kv_heads * head_bytes(shape);
}

KeyValueHead key_value_head(const PageShape& shape, const std::byte* const* pages, size_t layer,
                            size_t kv_head) {
  const size_t keys = head_offset(shape, layer, kv_head);
  return {pages, shape.positions, keys, keys + keys_bytes(shape), shape.head_dimension, shape.element};
}

void store_keys_values(const FloatOps& ops, const PageShape& shape, std::byte* const* pages, size_t layer,
                       size_t kv_head, size_t position, size_t rows, const float* keys, const float* values,
                       size_t row_stride) {
  const size_t keys_at = head_offset(shape, layer, kv_head), values_at = keys_at + keys_bytes(shape);
  const size_t block_bytes = key_block * shape.head_dimension * element_bytes(shape.element);
  for (size_t row = 0; row < rows; ++row) {
    std::byte* page = pages[(position + row) / shape.positions];
    const size_t at = (position + row) % shape.positions;
    store_key(ops, keys + row * row_stride, shape.head_dimension, shape.element,
              page + keys_at + at / key_block * block_bytes, at % key_block);
    store_value(ops, values + row * row_stride, shape.head_dimension, shape.element,
                page + values_at + at * value_row_bytes(shape));
  }
}

}  // namespace tern::runtime

#include "runtime/tensor/tensor_rows.h"

#include <cassert>

namespace tern::runtime {
namespace {

[[maybe_unused]] bool is_whole(const TensorTypeInfo& type, size_t elements, size_t bytes) {
  return elements % type.block_elements == 0 && bytes == row_bytes(type, elements);
}

}  // namespace

void decode_row(TensorType type, std::span<const std::byte> bytes, std::span<float> values) {
  const TensorTypeInfo& found = info(type);
  assert(found.has_rows() && is_whole(found, values.size(), bytes.size()));
  found.decode(bytes, values);
}

void encode_row(TensorType type, std::span<const float> values, std::span<std::byte> bytes) {
  const TensorTypeInfo& found = info(type);
  assert(found.has_rows() && is_whole(found, values.size(), bytes.size()));
  found.encode(values, bytes);
}

}  // namespace tern::runtime

// Rows of tensors to floats and back, for types whose rows stand for floats: the formats are ggml's, and each
// file of a type says what its bytes mean.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// Decodes values.size() elements, a whole number of blocks, from exactly their bytes. Precondition:
// info(type).has_rows().
void decode_row(TensorType type, std::span<const std::byte> bytes, std::span<float> values);

// Encodes finite values; the inverse of decode_row up to rounding. F16, BF16 and Q8_0 give what the other
// programs give; for Q6_K they search for scales with less error, this takes the nearest.
void encode_row(TensorType type, std::span<const float> values, std::span<std::byte> bytes);

}  // namespace tern::runtime

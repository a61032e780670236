// Rows of tensors to floats and back, for the types whose elements stand for themselves: F32, F16, BF16, Q8_0
// and Q6_K. The formats are ggml's; the arithmetic below is the definition that the rest of Tern refers to.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/gguf/tensor_type.h"

namespace tern::runtime {

// Whether the two functions below know the type.
bool has_rows(TensorType type);

// Decodes values.size() elements, a whole number of blocks, from exactly their bytes.
//   Q8_0: 34 bytes for 32 elements: f16 d, then 32 signed bytes q; x = d * q.
//   Q6_K: 210 bytes for 256: the low 4 bits of q (128 bytes), the high 2 bits (64 bytes), 16 signed scales s,
//   one
//         for 16 elements, then f16 d; x = d * s * (q - 32), the products taken in f32 in this order.
void decode_row(TensorType type, std::span<const std::byte> bytes, std::span<float> values);

// Encodes finite values; the inverse of decode_row up to rounding. F16, BF16 and Q8_0 give what the other
// programs give; for Q6_K they search for scales with less error, this takes the nearest.
void encode_row(TensorType type, std::span<const float> values, std::span<std::byte> bytes);

}  // namespace tern::runtime

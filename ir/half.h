// The 16-bit floating-point formats: IEEE 754 binary16 ("f16") and bfloat16 ("bf16").
#pragma once

#include <cstdint>

namespace tern::ir {

// Exact: every f16 and bf16 value is an f32 value. NaN stays NaN, infinities stay infinite.
float f16_to_f32(uint16_t bits);
float bf16_to_f32(uint16_t bits);

// Rounds to nearest, ties to even. Values past the largest finite one become infinite; a NaN is quiet.
uint16_t f32_to_f16(float value);
uint16_t f32_to_bf16(float value);

}  // namespace tern::ir

// Which vector instructions the runtime's own code may use. They change its speed, never a result.
#pragma once

#include <cstdint>

#include "targets/target.h"

namespace tern::runtime {

// x86 levels in ascending order; `best` is everything that the CPU has, and the only level of other
// architectures. sse4 stands for SSE4.2, avx2 for AVX2 with FMA and F16C, avx512 for AVX-512 F, BW, DQ and
// VL.
enum class VectorLevel : uint8_t { baseline, ssse3, sse4, avx2, avx512, best };

// The highest level whose instructions a target has, so that a target limits the runtime's own code as it
// limits generated code; `best` for the target named "host" and on aarch64.
VectorLevel vector_level_of(const targets::Target& target);

// The sets of instructions that this CPU has and that `level` allows: a mask of Highway's target bits. Code
// for baseline x86-64, which is always there, may have none.
int64_t vector_targets(VectorLevel level);

}  // namespace tern::runtime

// Which vector instructions float_ops.h and attention.h use. They change the speed, never a result.
#pragma once

#include <string>

namespace tern::runtime {

// x86 levels in ascending order; `best` is whatever the CPU has, and all there is to choose elsewhere. sse4
// stands for SSE4.2, avx2 for AVX2 with FMA and F16C, avx512 for AVX-512 F, BW, DQ and VL.
enum class VectorLevel { baseline, ssse3, sse4, avx2, avx512, best };

// Uses nothing above `level` from now on, in the whole process. Not to be called while other threads compute.
void limit_vector_instructions(VectorLevel level);

// The name of what is in use, such as "AVX2".
std::string vector_instructions();

}  // namespace tern::runtime

// What becomes of a sum at the end of a kernel.
#pragma once

#include <cstdint>

namespace tern::ir {

// With S the scaled sum (see Problem), R and G f32 [m,n] like C, operations in this order, each rounded once:
enum class Epilogue : uint8_t {
  plain,     // C = S
  residual,  // C = R + S; R may be C itself
  gate,      // C = relu(G) * relu(G) * S
};

}  // namespace tern::ir

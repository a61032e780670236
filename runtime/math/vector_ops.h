// The runtime's own vector code for one set of instructions.
#pragma once

#include "runtime/math/attention.h"
#include "runtime/math/delta_rule.h"
#include "runtime/math/float_ops.h"
#include "runtime/math/hadamard.h"
#include "runtime/math/vector_level.h"

namespace tern::runtime {

// Two engines in one process may have different ones: nothing about them is global.
struct VectorOps {
  FloatOps floats;
  AttentionOps attention;
  DeltaOps delta;
  HadamardOps hadamard;
};

// The code for the best instructions that this CPU has and `level` allows.
inline VectorOps vector_ops(VectorLevel level) {
  return {float_ops(level), attention_ops(level), delta_ops(level), hadamard_ops(level)};
}

}  // namespace tern::runtime

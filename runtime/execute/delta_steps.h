// The operations of layers of Gated DeltaNet, and what turns rows, bound to memory and weights.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/execute/bound_steps.h"

namespace tern::runtime {

struct RotateStep {
  Sharing sharing;
  FloatRows input, output;
  const float* factors;  // of a row: its signs / sqrt(block)
  size_t block;
  int64_t heads, key_heads;  // 0: heads stay in their order
  void run(const StepRun& run, size_t thread) const;
};

struct PartStep {
  FloatRows input, output;
  int64_t heads, part;
  void run(const StepRun& run, size_t thread) const;
};

// Reads and writes the inputs of the last tokens, [window - 1][width], in the sequence's state.
struct ConvolveStep {
  FloatRows input, output;
  const float* weights;  // [window][width]
  size_t window;
  size_t state;  // index of the first number in the sequence's state
  const SharedColumns* columns;
  void run(const StepRun& run, size_t thread) const;
};

// Reads and writes the memory of each head, [keys][values], in the sequence's state. A task is a head of a
// sequence and delta_columns of its values, and goes through all tokens in their order.
struct DeltaStep {
  FloatRows inputs, alpha, beta, output;
  const float *bias, *rate;
  float epsilon;
  int64_t heads, key_heads;
  size_t state;  // as above
  void run(const StepRun& run, size_t thread) const;
};

// Floats of StepRun::scratch, by thread, that these steps need for a model of this shape.
size_t delta_scratch_size(const Hyperparameters& shape);

}  // namespace tern::runtime

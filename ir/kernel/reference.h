// The naive matrix products: the only definition of what a right answer is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/kernel/epilogue.h"
#include "ir/kernel/problem.h"

namespace tern::ir {

// One matrix product's inputs in their plainest form. Rows are problem.k long, without padding.
struct MatmulInputs {
  // Quantized: weights (trits, signs or i2) [n,k], activations i8 [m,k].
  std::vector<int8_t> trits;
  std::vector<int8_t> quantized;
  std::vector<float> activation_scales;  // sa [m]; of A scaled by group da [m, ceil(k / a.group)]
  float weight_scale = 1;
  std::vector<float> output_scales;   // [n], in its place if weights are scaled by row
  std::vector<float> other;           // R or G, [m,n], of an epilogue that has one
  std::vector<int32_t> partial_sums;  // P, [m,n]
  // Dense: stored weights [n,k], A f32 [m,k].
  std::vector<float> dense;
  std::vector<float> activations;
  // Of either kind: [n, ceil(k / w.group)], if weights are scaled by group.
  std::vector<float> group_scales;
};

// Exact sums over all of k of quantized problems, i32 [m,n]: what epilogue `sums` gives. Precondition: they
// fit.
std::vector<int32_t> reference_sums(const Problem& problem, const MatmulInputs& inputs);

// C, f32 [m,n], of either kind of problem, with an epilogue other than `sums`; see Problem and Epilogue for
// the order of the operations.
std::vector<float> reference(const Problem& problem, const MatmulInputs& inputs,
                             Epilogue epilogue = Epilogue::plain);

// Rows as the next ternary product takes them: see Epilogue.
struct QuantizedRows {
  std::vector<int8_t> values;  // as many as there were, without padding
  std::vector<int32_t> sums;
  std::vector<float> scales;
};
QuantizedRows reference_quantized(std::span<const float> rows, int64_t columns);

}  // namespace tern::ir

// Which experts the rows of a step go to, and where their rows lie.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/execute/grouped_product.h"
#include "runtime/math/float_ops.h"

namespace tern::runtime {

// Of one thread: each makes its own, the same.
struct Routes {
  int64_t used = 0;  // experts of a row
  // Of the chosen experts, `used` a row in ascending order: the expert, its weight, and the row of expert
  // values that is its.
  std::vector<uint32_t> experts;
  std::vector<float> weights;
  std::vector<int64_t> rows;
  // The products of each expert that was chosen; and the same for one row that all of them read.
  std::vector<RowRun> runs, shared_runs;
};

// The experts with the `used` largest of `count` logits (of equal ones the first), in ascending order, and
// their weights: e / (the sum of their e in this order), e = exp(logit - the largest logit). A logit that is
// not a number makes every weight NaN. `scratch` is `used` floats.
void choose_experts(const FloatOps& ops, const float* logits, int64_t count, int64_t used, uint32_t* experts,
                    float* weights, float* scratch);

// Gives every chosen expert of `count` rows a row, those of an expert together. padded[n] is how many rows a
// run of n rows takes: see GroupedProduct::place.
void place_rows(int64_t count, int64_t expert_count, std::span<const int64_t> padded, Routes& routes);

}  // namespace tern::runtime

// The weights of binary models, as BitNet's first paper makes them of trained ones (arXiv 2310.11453, section
// 2.1): W' = sign(W - mean(W)), where sign(0) is -1, and beta = mean(|W|).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tern::runtime {

// A weight is beta * sign.
struct BinaryWeights {
  std::vector<int8_t> signs;  // -1 or +1
  float beta = 0;
};

// Of a whole matrix, not empty, whose weights are finite. Both means are summed in f64 in ascending order,
// and rounded to f32.
BinaryWeights binarize(std::span<const float> weights);

}  // namespace tern::runtime

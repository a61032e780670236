#include "runtime/tensor/binarize.h"

#include <cmath>

namespace tern::runtime {

BinaryWeights binarize(std::span<const float> weights) {
  double sum = 0, magnitudes = 0;
  for (const float weight : weights) {
    sum += double{weight};
    magnitudes += std::fabs(double{weight});
  }
  const auto count = static_cast<double>(weights.size());
  const auto mean = static_cast<float>(sum / count);
  BinaryWeights made{{}, static_cast<float>(magnitudes / count)};
  made.signs.reserve(weights.size());
  for (const float weight : weights) made.signs.push_back(weight > mean ? int8_t{1} : int8_t{-1});
  return made;
}

}  // namespace tern::runtime

#include "ir/kernel/reference.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace tern::ir {
namespace {

float dense_weight(const Problem& problem, const MatmulInputs& inputs, int64_t n, int64_t k) {
  const float stored = inputs.dense[n * problem.k + k];
  if (problem.w.scaling != Scaling::group) return stored;
  const int64_t groups = ceil_divide(problem.k, problem.w.group);
  return stored * inputs.group_scales[n * groups + k / problem.w.group];
}

float finish(Epilogue epilogue, float scaled, const MatmulInputs& inputs, int64_t place) {
  switch (epilogue) {
    case Epilogue::plain: break;
    case Epilogue::residual: return inputs.other[place] + scaled;
    case Epilogue::gate: {
      const float gate = inputs.other[place] < 0 ? 0.0f : inputs.other[place];
      return gate * gate * scaled;
    }
  }
  return scaled;
}

}  // namespace

std::vector<int32_t> reference_sums(const Problem& problem, const MatmulInputs& inputs) {
  assert(problem.is_quantized());
  std::vector<int32_t> sums(problem.m * problem.n);
  for (int64_t m = 0; m < problem.m; ++m) {
    for (int64_t n = 0; n < problem.n; ++n) {
      int32_t sum = 0;
      for (int64_t k = 0; k < problem.k; ++k)
        sum += inputs.quantized[m * problem.k + k] * inputs.trits[n * problem.k + k];
      sums[m * problem.n + n] = sum;
    }
  }
  return sums;
}

std::vector<float> reference(const Problem& problem, const MatmulInputs& inputs, Epilogue epilogue) {
  std::vector<float> c(problem.m * problem.n);
  if (problem.is_quantized()) {
    const std::vector<int32_t> sums = reference_sums(problem, inputs);
    for (int64_t i = 0; i < problem.m * problem.n; ++i) {
      const float scale =
          problem.w.scaling == Scaling::row ? inputs.output_scales[i % problem.n] : inputs.weight_scale;
      const float scaled = static_cast<float>(sums[i]) / inputs.activation_scales[i / problem.n] * scale;
      c[i] = finish(epilogue, scaled, inputs, i);
    }
    return c;
  }
  for (int64_t m = 0; m < problem.m; ++m) {
    for (int64_t n = 0; n < problem.n; ++n) {
      float sum = 0;
      for (int64_t k = 0; k < problem.k; ++k)
        sum += inputs.activations[m * problem.k + k] * dense_weight(problem, inputs, n, k);
      c[m * problem.n + n] = sum;
    }
  }
  return c;
}

QuantizedRows reference_quantized(std::span<const float> rows, int64_t columns) {
  QuantizedRows quantized;
  for (; !rows.empty(); rows = rows.subspan(columns)) {
    const std::span<const float> row = rows.first(columns);
    const bool finite = std::ranges::all_of(row, [](float value) { return std::isfinite(value); });
    float largest = 1e-5f;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    const float scale = finite ? 127 / largest : std::numeric_limits<float>::quiet_NaN();
    int32_t sum = 0;
    for (const float value : row) {
      quantized.values.push_back(finite ? static_cast<int8_t>(std::nearbyint(value * scale)) : int8_t{0});
      sum += quantized.values.back();
    }
    quantized.sums.push_back(sum);
    quantized.scales.push_back(scale);
  }
  return quantized;
}

}  // namespace tern::ir

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
    case Epilogue::plain:
    case Epilogue::sums:
    case Epilogue::add_sums: break;
    case Epilogue::residual: return inputs.other[place] + scaled;
    case Epilogue::gate: {
      const float gate = inputs.other[place] < 0 ? 0.0f : inputs.other[place];
      return gate * gate * scaled;
    }
  }
  return scaled;
}

// The exact sum over inputs first..last-1.
int32_t exact_sum(const Problem& problem, const MatmulInputs& inputs, int64_t m, int64_t n, int64_t first,
                  int64_t last) {
  int32_t sum = 0;
  for (int64_t k = first; k < last; ++k) {
    const auto weight = static_cast<int32_t>(inputs.trits[n * problem.k + k] - problem.w.zero_point);
    sum += inputs.quantized[m * problem.k + k] * weight;
  }
  return sum;
}

// The factor of the group of an operand, A or W, that input k of row m and output n lies in.
float group_factor(const Problem& problem, const MatmulInputs& inputs, bool of_a, int64_t m, int64_t n,
                   int64_t k) {
  const int64_t group = of_a ? problem.a.group : problem.w.group, groups = ceil_divide(problem.k, group);
  return of_a ? inputs.activation_scales[m * groups + k / group]
              : inputs.group_scales[n * groups + k / group];
}

// The sum over groups of a problem that has any, in their order: see Problem.
float sum_of_groups(const Problem& problem, const MatmulInputs& inputs, int64_t m, int64_t n) {
  const bool fine_is_a = problem.scales_terms_by_a();
  float total = 0;
  for (int64_t first = 0; first < problem.k; first += problem.outer_group()) {
    float sum = 0;
    const int64_t end = std::min(first + problem.outer_group(), problem.k);
    for (int64_t k = first; k < end; k += problem.sum_group()) {
      const int64_t last = std::min(k + problem.sum_group(), end);
      const auto exact = static_cast<float>(exact_sum(problem, inputs, m, n, k, last));
      sum = sum + exact * group_factor(problem, inputs, fine_is_a, m, n, k);
    }
    if (problem.is_grouped_twice()) sum = sum * group_factor(problem, inputs, !fine_is_a, m, n, first);
    total = total + sum;
  }
  return total;
}

// The scaled sum of a quantized problem: see Problem.
float scaled_sum(const Problem& problem, const MatmulInputs& inputs, Epilogue epilogue, int64_t m,
                 int64_t n) {
  float total = 0;
  if (problem.is_grouped()) {
    total = sum_of_groups(problem, inputs, m, n);
  } else {
    const int32_t others = epilogue == Epilogue::add_sums ? inputs.partial_sums[m * problem.n + n] : 0;
    total = static_cast<float>(exact_sum(problem, inputs, m, n, 0, problem.k) + others);
  }
  if (problem.a.scaling == Scaling::row) total = total / inputs.activation_scales[m];
  if (problem.w.scaling == Scaling::tensor) total = total * inputs.weight_scale;
  if (problem.w.scaling == Scaling::row) total = total * inputs.output_scales[n];
  return total;
}

float dense_sum(const Problem& problem, const MatmulInputs& inputs, int64_t m, int64_t n) {
  float sum = 0;
  for (int64_t k = 0; k < problem.k; ++k)
    sum += inputs.activations[m * problem.k + k] * dense_weight(problem, inputs, n, k);
  return sum;
}

}  // namespace

std::vector<int32_t> reference_sums(const Problem& problem, const MatmulInputs& inputs) {
  assert(problem.is_quantized());
  std::vector<int32_t> sums;
  for (int64_t m = 0; m < problem.m; ++m) {
    for (int64_t n = 0; n < problem.n; ++n) sums.push_back(exact_sum(problem, inputs, m, n, 0, problem.k));
  }
  return sums;
}

std::vector<float> reference(const Problem& problem, const MatmulInputs& inputs, Epilogue epilogue) {
  assert(epilogue != Epilogue::sums && "these are reference_sums");
  std::vector<float> c;
  for (int64_t m = 0; m < problem.m; ++m) {
    for (int64_t n = 0; n < problem.n; ++n) {
      const float sum = problem.is_quantized() ? scaled_sum(problem, inputs, epilogue, m, n)
                                               : dense_sum(problem, inputs, m, n);
      c.push_back(finish(epilogue, sum, inputs, static_cast<int64_t>(c.size())));
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

#include "base/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tern {
namespace {

// 1 to n; equal values share their mean rank.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> result(values.size());
  for (size_t first = 0, end; first < order.size(); first = end) {
    for (end = first + 1; end < order.size() && values[order[end]] == values[order[first]];) ++end;
    for (size_t i = first; i < end; ++i) result[order[i]] = static_cast<double>(first + 1 + end) / 2;
  }
  return result;
}

}  // namespace

double median(std::span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double typical_deviation(std::span<const double> values) {
  const double middle = median(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - middle));
  return 1.4826 * median(distances);
}

Estimate estimate(std::span<const double> values) {
  // Of normal values a median has 1.2533 times the standard error of a mean.
  constexpr double of_median = 1.2533;
  const auto count = static_cast<double>(values.size());
  const double error = values.size() < 3 ? std::numeric_limits<double>::infinity()
                                         : of_median * typical_deviation(values) / std::sqrt(count);
  return {median(values), error, static_cast<int>(values.size())};
}

double standard_errors_above(const Estimate& a, const Estimate& b) {
  const double error = std::hypot(a.error, b.error);
  if (a.value == b.value) return 0;
  return error == 0 ? std::copysign(std::numeric_limits<double>::infinity(), a.value - b.value)
                    : (a.value - b.value) / error;
}

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double middle = (static_cast<double>(x.size()) + 1) / 2;
  double both = 0, of_x = 0, of_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    both += (x[i] - middle) * (y[i] - middle);
    of_x += (x[i] - middle) * (x[i] - middle);
    of_y += (y[i] - middle) * (y[i] - middle);
  }
  return of_x == 0 || of_y == 0 ? 0 : both / std::sqrt(of_x * of_y);
}

}  // namespace tern

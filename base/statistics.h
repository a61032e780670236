// Medians and what they are worth: timings have outliers on one side, so nothing here is a mean. This header
// needs C++17 and the standard library alone, since the runner of a tuning job (tools/job_runner) carries it
// to devices.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace tern {

// The middle value, or the mean of the middle two; 0 of no values.
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// A typical distance from the median that agrees with the standard deviation where values are normal: the
// median absolute deviation times 1.4826.
inline double typical_deviation(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - middle));
  return 1.4826 * median(distances);
}

// What is known of a quantity that was measured several times.
struct Estimate {
  double value = 0;  // the median
  double error = 0;  // its standard error; infinite with fewer than 3 values
  int count = 0;     // of values
};

// The error of the median of n values is 1.2533 * typical_deviation / sqrt(n): of normal values, a median has
// 1.2533 times the standard error of a mean.
inline Estimate estimate(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const double error = values.size() < 3 ? std::numeric_limits<double>::infinity()
                                         : 1.2533 * typical_deviation(values) / std::sqrt(count);
  return {median(values), error, static_cast<int>(values.size())};
}

// How sure it is that a > b, as a number of standard errors of the difference: (a - b) / hypot of the errors.
inline double standard_errors_above(const Estimate& a, const Estimate& b) {
  const double error = std::hypot(a.error, b.error);
  if (a.value == b.value) return 0;
  return error == 0 ? std::copysign(std::numeric_limits<double>::infinity(), a.value - b.value)
                    : (a.value - b.value) / error;
}

}  // namespace tern

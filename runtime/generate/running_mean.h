// The mean of numbers that come one by one, and what it is worth.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

namespace tern::runtime {

// Mean and squared deviations after each number by the recurrence of B. P. Welford, "Note on a method for
// calculating corrected sums of squares and products", Technometrics 4 (1962): no large sums are subtracted.
struct RunningMean {
  size_t count = 0;
  double mean = 0;
  double squared_deviations = 0;  // sum of (x - mean)^2

  void add(double x) {
    ++count;
    const double before = x - mean;
    mean += before / static_cast<double>(count);
    squared_deviations += before * (x - mean);
  }

  // sqrt(squared_deviations / (count - 1)) / sqrt(count), of independent numbers the standard error of their
  // mean; NaN of fewer than two.
  double standard_error() const {
    if (count < 2) return std::numeric_limits<double>::quiet_NaN();
    const auto n = static_cast<double>(count);
    return std::sqrt(squared_deviations / (n - 1) / n);
  }
};

}  // namespace tern::runtime

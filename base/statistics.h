// Medians and what they are worth: timings have outliers on one side, so nothing here is a mean.
#pragma once

#include <span>
#include <vector>

namespace tern {

// 0 of nothing.
double median(std::span<const double> values);

// A typical distance from the median that agrees with the standard deviation where values are normal: the
// median absolute deviation times 1.4826.
double typical_deviation(std::span<const double> values);

// What is known of a quantity that was measured several times.
struct Estimate {
  double value = 0;  // the median
  double error = 0;  // its standard error; infinite with fewer than 3 values
  int count = 0;
};
Estimate estimate(std::span<const double> values);

// How sure it is that a > b, as a number of standard errors of the difference.
double standard_errors_above(const Estimate& a, const Estimate& b);

// The correlation of ranks, -1 to 1 (Spearman): of what was predicted with what was measured, say. Ties share
// their mean rank. 0 if there are fewer than two values or no variation. Precondition: equally many.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace tern

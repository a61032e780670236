#include "autotune/search/expected_time.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tern::autotune {
namespace {

// The exponent p of the norm: 1 would be no overlap, infinity a complete one.
constexpr double overlap = 4;

// The prior's standard deviation s: what kernels of one problem differ by from their expected ratios on a
// quiet machine, through prefetching and the number of streams that they read.
constexpr double prior_deviation = 0.04;

}  // namespace

double overlapped(std::span<const double> seconds) {
  const double max = std::ranges::max(seconds);
  if (!(max > 0)) return 0;
  double sum = 0;
  for (const double part : seconds) sum += std::pow(part / max, overlap);
  return max * std::pow(sum, 1 / overlap);
}

std::optional<double> implied_bandwidth(double cache_seconds, double memory_seconds, double weight_bytes) {
  const double rest = std::pow(memory_seconds, overlap) - std::pow(cache_seconds, overlap);
  const double part = rest > 0 ? std::pow(rest, 1 / overlap) : 0;
  if (!(part > cache_seconds)) return std::nullopt;
  return weight_bytes / part;
}

double CallCost::seconds(double bytes_per_second) const {
  return overlapped(std::array{cache_seconds, weight_bytes / bytes_per_second});
}

Estimate shrunk(const Estimate& measured) {
  constexpr double prior = prior_deviation * prior_deviation;
  if (!std::isfinite(measured.error)) return {1, prior_deviation, measured.count};
  const double own = measured.error * measured.error;
  const double weight = prior / (prior + own);
  return {1 + weight * (measured.value - 1), std::sqrt(prior * own / (prior + own)), measured.count};
}

}  // namespace tern::autotune

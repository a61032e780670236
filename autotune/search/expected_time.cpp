#include "autotune/search/expected_time.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tern::autotune {
namespace {

// How well work overlaps: 1 would be not at all, infinity wholly.
constexpr double overlap = 4;

// Kernels of one problem differ so much from what cache and bytes make one expect, by prefetching, by how
// many streams they read: the typical deviation on a quiet machine.
constexpr double usual_difference = 0.04;

}  // namespace

double overlapped(std::span<const double> seconds) {
  const double longest = std::ranges::max(seconds);
  if (!(longest > 0)) return 0;
  double sum = 0;
  for (const double part : seconds) sum += std::pow(part / longest, overlap);
  return longest * std::pow(sum, 1 / overlap);
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

Estimate believed(const Estimate& measured) {
  constexpr double prior = usual_difference * usual_difference;
  if (!std::isfinite(measured.error)) return {1, usual_difference, measured.count};
  const double own = measured.error * measured.error;
  const double trust = prior / (prior + own);
  return {1 + trust * (measured.value - 1), std::sqrt(prior * own / (prior + own)), measured.count};
}

}  // namespace tern::autotune

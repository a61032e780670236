// Counts of durations, as Prometheus wants them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tern::serve {

inline constexpr std::array first_token_bounds = {0.01, 0.025, 0.05, 0.1,  0.25, 0.5,
                                                  1.0,  2.5,   5.0,  10.0, 30.0, 60.0};
inline constexpr std::array next_token_bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                 0.1,   0.25,   0.5,   1.0,  2.5};

struct Histogram {
  // `upper` bounds, ascending; what is above the last is counted too.
  explicit Histogram(std::span<const double> upper)
      : bounds(upper.begin(), upper.end()), counts(upper.size() + 1) {}

  void add(double value) {
    const auto bound = std::ranges::lower_bound(bounds, value);
    ++counts[static_cast<size_t>(bound - bounds.begin())];
    sum += value;
  }

  std::vector<double> bounds;
  std::vector<uint64_t> counts;  // counts[i]: values above bounds[i - 1] and up to bounds[i]
  double sum = 0;
};

}  // namespace tern::serve

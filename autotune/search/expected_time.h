// What to expect of a kernel's calls, from two measurements: one with its weights in cache, which
// instructions alone decide and which repeats to a hundredth, and one with its weights from memory, which
// everybody on the machine disturbs. The first, with the bytes of the weights, says what the second should
// be; how far the second differs is believed as far as it is known.
#pragma once

#include <optional>
#include <span>

#include "base/statistics.h"

namespace tern::autotune {

// Seconds of work that overlaps, but not quite: the nearer its parts are, the more they are in each other's
// way. At least the longest of them.
double overlapped(std::span<const double> seconds);

// Bytes a second at which memory must have worked, if calls that take `cache_seconds` with their weights in
// cache take `memory_seconds` with these bytes of weights from memory. Nothing where it hardly shows.
std::optional<double> implied_bandwidth(double cache_seconds, double memory_seconds, double weight_bytes);

// One kernel, or the default one that it is compared with.
struct CallCost {
  double cache_seconds = 0;
  double weight_bytes = 0;
  double seconds(double bytes_per_second) const;  // that are to be expected
};

// Measured ratios to the expected ratio, for kernels whose ratio is not measured well: those of one problem
// are nearly 1, and a measurement is trusted as far as its error is smaller than how they usually differ.
Estimate believed(const Estimate& measured);

}  // namespace tern::autotune

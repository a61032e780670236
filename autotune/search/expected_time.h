// The expected time of a kernel's calls, from two measurements: c, with the weights in cache, which
// instructions alone decide and which repeats to a hundredth; and t, with the weights from memory, which
// every program on the machine disturbs. c and the bytes b of the matrix give the expected time from memory
// at a bandwidth B,
//
//     expected = (c^4 + (b / B)^4)^(1/4),
//
// and the prediction error t / expected counts by how well it is known.
#pragma once

#include <optional>
#include <span>

#include "base/statistics.h"

namespace tern::autotune {

// Seconds of parts of work that overlap, but not quite: the 4-norm of the parts. It is at least the largest
// part, and the more, the nearer the parts are to each other (2 equal parts: 1.19 times one of them).
double overlapped(std::span<const double> seconds);

// The bandwidth B in bytes a second at which calls that take `cache_seconds` with their weights in cache are
// expected to take `memory_seconds` with these bytes of weights from memory. Nothing where memory takes less
// time than instructions, since B then hardly shows.
std::optional<double> implied_bandwidth(double cache_seconds, double memory_seconds, double weight_bytes);

// What decides the expected time of a kernel.
struct CallCost {
  double cache_seconds = 0;
  double weight_bytes = 0;
  double seconds(double bytes_per_second) const;  // expected
};

// The posterior of a prediction error (a ratio, 1 if the expectation was right) of which `measured` is known:
// with the prior that errors of the kernels of one problem are normal around 1 with standard deviation s =
// 0.04, and a measurement with standard error e,
//
//     value = 1 + s^2 / (s^2 + e^2) * (measured - 1),    error = s * e / sqrt(s^2 + e^2).
//
// On a quiet machine that is the measurement, on a noisy one nearly 1. Without a standard error it is the
// prior.
Estimate shrunk(const Estimate& measured);

}  // namespace tern::autotune

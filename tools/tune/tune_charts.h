// The figures of a tuning report: each is one <svg> element, and the same for the same search.
#pragma once

#include <string>

#include "autotune/search/shape_search.h"

namespace tern::tools {

// The roofline of a machine.
struct Roofs {
  double bytes_per_second = 0;     // that all threads read together from memory
  double products_per_second = 0;  // of weights and activations, all threads together
  bool best_is_peak = false;       // products_per_second is only the most that any kernel reached
  // min(bytes_per_second * products_per_byte, products_per_second)
  double products(double products_per_byte) const;
};

// Products of one weight and one activation in a call.
double products_of(const ir::Problem& problem);
// Bytes of the packed matrix that a call reads: weights and scales per group.
double weight_bytes(const ir::Kernel& kernel);

// The evaluations of a bucket that were measured, as indices: the fastest first.
std::vector<size_t> by_ratio(const autotune::Bucket& bucket);

// Every candidate by rank: its time as a ratio to the default kernel's, with its standard error.
std::string landscape(const autotune::Bucket& bucket, size_t winner);

// How far, round by round, the default kernel was from itself, and the winner from its own median.
std::string noise_plot(const autotune::Bucket& bucket, size_t winner);

// Products a second over products a byte, under the roofs: all candidates for all numbers of rows.
std::string roofline(const autotune::ShapeSearch& search, const autotune::LayoutCandidate& best,
                     const Roofs& roofs);

// Measured over predicted seconds: all candidates for all numbers of rows.
std::string prediction_plot(const autotune::ShapeSearch& search, const autotune::LayoutCandidate& best);

}  // namespace tern::tools

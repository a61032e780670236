// The figures of a tuning report: each is one <svg> element, and the same for the same search.
#pragma once

#include <string>

#include "autotune/search/shape_search.h"

namespace tern::tools {

// What bounds any kernel on a machine.
struct Roofs {
  double bytes_per_second = 0;     // that all threads read together from memory
  double products_per_second = 0;  // of weights and activations, all threads together
  bool best_is_peak = false;       // the latter is only the best that was measured of any kernel
  // The least of what memory and arithmetic allow for so many products a byte.
  double products(double products_per_byte) const;
};

// Products of one weight and one activation in a call.
double products_of(const ir::Problem& problem);
// The packed weights that a call reads.
double weight_bytes(const ir::Kernel& kernel);

// The trials of a bucket that were measured, as indices: the fastest first.
std::vector<size_t> by_ratio(const autotune::Bucket& bucket);

// Every candidate by rank: its time as a ratio to the default kernel's, with its standard error.
std::string landscape(const autotune::Bucket& bucket, size_t winner);

// How far, round by round, the default kernel was from itself, and the winner from its own median.
std::string noise_plot(const autotune::Bucket& bucket, size_t winner);

// Products a second over products a byte, under the roofs: all candidates for all numbers of rows.
std::string roofline(const autotune::ShapeSearch& search, const autotune::Option& best, const Roofs& roofs);

// Measured over predicted seconds: all candidates for all numbers of rows.
std::string prediction_plot(const autotune::ShapeSearch& search, const autotune::Option& best);

}  // namespace tern::tools

// What was evaluated for one matrix shape and one number of rows, and what came out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autotune/measure/kernel_race.h"
#include "autotune/search/cost_model.h"
#include "autotune/search/expected_time.h"

namespace tern::autotune {

// How many calls for m rows a typical session makes of each matrix.
struct Demand {
  int64_t m = 1;
  double calls = 1;
};

// One candidate, and what is known of it.
struct Evaluation {
  kernels::Candidate candidate;
  std::string layout;  // see layout_key
  std::optional<Prediction> prediction;
  std::optional<KernelEntry> entry;  // in races, if it was compiled and is right
  double tables_seconds = 0;         // to build the look-up tables of all rows, or its share of that
  double weight_bytes = 0;           // of the packed matrix: weights and scales per group
  std::string refused;               // why it has no entry; else empty
  // By round with weights from memory: the measured ratio to the default kernel over the expected one, which
  // is expected_seconds of both at the bandwidth of that race.
  std::vector<double> prediction_errors;
  // Time of a call over the default kernel's, by all that was measured: see update_ratios.
  Estimate ratio;
  bool in_final_race = false;  // see final_race.h
  bool measured() const { return entry && !entry->from_cache.empty(); }
  double seconds(double default_seconds) const { return ratio.value * default_seconds; }
};

// All that is known for one number of rows.
struct Bucket {
  Demand demand;
  ir::Problem problem;
  kernels::Candidate default_candidate;  // of the default kernel
  double default_seconds = 0;            // of a call, in the race in which memory was fastest
  double default_cache_seconds = 0;
  std::vector<double> noises;  // of each race: see KernelRaceResult
  double noise() const { return median(noises); }
  std::vector<Evaluation> evaluations;  // the default kernel's is the first
  std::vector<double> control;          // ratios of the default kernel to itself, by round of all races

  CallCost cost(const Evaluation& evaluation) const {
    return {evaluation.entry->from_cache.min_seconds(), evaluation.weight_bytes};
  }
  CallCost default_cost() const { return {default_cache_seconds, evaluations[0].weight_bytes}; }
  // A session's seconds in this bucket, if it runs that candidate.
  double session_seconds(const Evaluation& evaluation) const {
    return demand.calls * (evaluation.seconds(default_seconds) + evaluation.tables_seconds);
  }
};

// Computes Evaluation::ratio anew for each candidate, with memory that delivers `bytes_per_second`:
//
//     ratio = expected ratio * e,   expected ratio = seconds of its CallCost / seconds of the default
//     kernel's,
//
// where e is what its prediction errors say, shrunk towards 1 (expected_time.h).
void update_ratios(Bucket& bucket, double bytes_per_second);

// The index of the evaluation with the least ratio.
size_t best_of(const Bucket& bucket);

// The code of at most this many candidates of a bucket is kept, beside the default kernel's: Linux gives a
// process 65 530 mappings of memory, a kernel takes two or three, and a space has a hundred thousand kernels.
inline constexpr size_t max_loaded = 128;

// Frees the code of all other candidates, and of candidates that are over 1.1 times as slow as the best,
// which hardly race again.
void release_slow(Bucket& bucket);

}  // namespace tern::autotune

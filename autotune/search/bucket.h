// What was tried for one matrix shape and one number of rows, and what became of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autotune/measure/race.h"
#include "autotune/search/cost_model.h"
#include "autotune/search/expected_time.h"

namespace tern::autotune {

// How many calls for m rows a typical session makes of each matrix.
struct Use {
  int64_t m = 1;
  double calls = 1;
};

// One candidate, with all that became of it.
struct Trial {
  kernels::Candidate candidate;
  std::string layout;  // see layout_key
  std::optional<Prediction> prediction;
  std::optional<Runner> runner;  // if it was compiled and right
  double tables_seconds = 0;     // to build the look-up tables of all rows, or its share of that
  double weight_bytes = 0;
  std::string refused;  // why not
  // Rounds with weights from memory: the ratio to the default kernel, over the ratio that was to be expected.
  std::vector<double> surprises;
  // What its calls should take, by all that was measured, in times of the default kernel's.
  Estimate ratio;
  bool in_finals = false;  // it ran in a last race: see ShapeSearch::decide
  bool measured() const { return runner && !runner->from_cache.empty(); }
  double seconds(double default_seconds) const { return ratio.value * default_seconds; }
};

// All that is known for one number of rows.
struct Bucket {
  Use use;
  ir::Problem problem;
  kernels::Candidate fallback;  // the default kernel
  double default_seconds = 0;   // of a call, in the race in which memory was fastest
  double default_cache_seconds = 0;
  std::vector<double> noises;  // of each race: see RaceResult
  double noise() const { return median(noises); }
  std::vector<Trial> trials;    // the default kernel is the first
  std::vector<double> control;  // ratios of the default kernel to itself, by round of all races

  CallCost cost(const Trial& trial) const {
    return {trial.runner->from_cache.shortest(), trial.weight_bytes};
  }
  CallCost default_cost() const { return {default_cache_seconds, trials[0].weight_bytes}; }
  // A session's seconds in this bucket, if it runs that trial.
  double session_seconds(const Trial& trial) const {
    return use.calls * (trial.seconds(default_seconds) + trial.tables_seconds);
  }
};

// Says of each trial what to expect (Trial::ratio), with memory as fast as that.
void judge(Bucket& bucket, double bytes_per_second);

// The trial that should be fastest.
size_t best_of(const Bucket& bucket);

// Of so many trials of a bucket the code is kept at most, beside the default kernel's: Linux gives a process
// 65 530 mappings of memory, a kernel takes two or three, and a space has a hundred thousand kernels.
inline constexpr size_t most_loaded = 128;

// Frees the code of all others, and of what is so much slower than the best that it hardly races again.
void release_slow(Bucket& bucket);

}  // namespace tern::autotune

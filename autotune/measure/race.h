// A race: kernels for one problem, timed in rounds, each round all that are still in it, until it is clear
// which are best. Every time is a ratio to that of one kernel which runs in every round, the default, so that
// a machine that is slower for a while is slower for all.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "autotune/measure/kernel_timer.h"
#include "base/statistics.h"

namespace tern::autotune {

// What was measured of a kernel, by round.
struct Samples {
  std::vector<double> seconds;  // of one call
  std::vector<double> ratios;   // to the default kernel in the same round
  bool empty() const { return ratios.empty(); }
  Estimate ratio() const { return estimate(ratios); }
  // What disturbs a core that has all it needs can only make it slower.
  double shortest() const { return *std::ranges::min_element(seconds); }
};

// One in the race, with all that was measured of it.
struct Runner {
  TimedKernel kernel;
  Samples from_memory, from_cache;
  bool dropped = false;   // it was clearly slower than the best, with weights from memory
  bool released = false;  // its code is gone: see release_slow in bucket.h

  Samples& samples(Weights from) { return from == Weights::memory ? from_memory : from_cache; }
};

struct RaceRules {
  Weights from = Weights::memory;
  int most_rounds = 12;
  int least_rounds = 4;
  double worth_it = 0.01;      // smaller differences do not matter
  double standard_errors = 3;  // by which a runner must be behind to be dropped: 99.7 % sure
  std::function<bool()> stop;  // asked after each round
};

struct RaceResult {
  int rounds = 0;
  double baseline_seconds = 0;  // the default kernel's median
  double baseline_shortest = 0;
  std::vector<double> control;  // ratios of two times of the default kernel, by round
  double noise = 0;             // their typical deviation
};

// Runs until few are left or their order is clear. From memory, those that were dropped before do not run;
// from cache nobody is dropped, for being slower there decides nothing: each runs until its time is known.
RaceResult race(KernelTimer& timer, TimedKernel& baseline, std::vector<Runner*> runners,
                const RaceRules& rules, uint64_t seed);

}  // namespace tern::autotune

// A race: kernels for one problem, timed in rounds, each round all that are still in it, until it is clear
// which are best. Every time is a ratio to that of one kernel which runs in every round, the default, so that
// a machine that is slower for a while is slower for all.
#pragma once

#include <functional>
#include <vector>

#include "autotune/kernel_timer.h"
#include "autotune/statistics.h"

namespace tern::autotune {

// One in the race, with all that was measured of it.
struct Runner {
  TimedKernel kernel;
  std::vector<double> seconds;  // of one call, by round
  std::vector<double> ratios;   // to the default kernel in the same round
  bool dropped = false;         // it was clearly slower than the best
  bool released = false;        // so much slower that its code is gone

  Estimate ratio() const { return estimate(ratios); }
};

struct RaceRules {
  int most_rounds = 12;
  int least_rounds = 4;
  double worth_it = 0.01;      // smaller differences do not matter
  double standard_errors = 3;  // by which a runner must be behind to be dropped: 99.7 % sure
  std::function<bool()> stop;  // asked after each round
};

struct RaceResult {
  int rounds = 0;
  double baseline_seconds = 0;  // the default kernel's median
  std::vector<double> control;  // ratios of two times of the default kernel, by round
  double noise = 0;             // their typical deviation
};

// Runs until few are left or their order is clear. Those that were dropped before do not run.
RaceResult race(KernelTimer& timer, const TimedKernel& baseline, std::vector<Runner*> runners,
                const RaceRules& rules, uint64_t seed);

}  // namespace tern::autotune

// A race of kernels for one problem against its default kernel, with weights from memory or from cache.
#pragma once

#include <functional>
#include <vector>

#include "autotune/measure/kernel_timer.h"
#include "autotune/measure/race.h"

namespace tern::autotune {

// A kernel in a race, with all that was measured of it.
struct KernelEntry {
  TimedKernel kernel;
  RaceEntry from_memory, from_cache;
  bool released = false;  // its code is gone: see release_slow in bucket.h

  bool dropped() const { return from_memory.dropped; }
  RaceEntry& measured(Weights from) { return from == Weights::memory ? from_memory : from_cache; }
};

struct KernelRaceOptions {
  Weights from = Weights::memory;
  RaceRules rules;
  std::function<bool()> stop;  // asked after each round, if there is one
};

struct KernelRaceResult {
  int rounds = 0;
  double baseline_seconds = 0;      // the default kernel's: the median
  double baseline_min_seconds = 0;  // the shortest
  std::vector<double> control;      // ratios of two times of the default kernel, by round
  double noise = 0;                 // their typical deviation
};

// Runs rounds, each of the entries that are left and twice the baseline, the default kernel. From memory,
// entries that were dropped before do not run, entries that fall behind are dropped, and the race ends when
// the ratios of all that run are known. From cache none is dropped, since being slower there decides nothing:
// an entry runs until its shortest time, which is what counts there, was met twice (within half of what
// matters).
KernelRaceResult race_kernels(KernelTimer& timer, TimedKernel& baseline,
                              const std::vector<KernelEntry*>& entries, const KernelRaceOptions& options,
                              uint64_t seed);

}  // namespace tern::autotune

// Races of the choices of several databases for one machine against each other: which of them are faster, and
// whether it matters (autotune/measure/race.h).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autotune/measure/race.h"
#include "autotune/records/database.h"
#include "base/statistics.h"
#include "base/thread_pool.h"

namespace tern::autotune {

// One problem, and the kernels that databases have for it.
struct ChoiceRace {
  ir::Problem problem;
  std::vector<std::optional<ir::Kernel>> kernels;  // by database; nothing where it has none
};

// A race for each shape (n, k, weights) for which a database has a choice under these conditions, in the
// order in which they come, and for each number of rows that one of these choices is for, ascending.
std::vector<ChoiceRace> choice_races_of(std::span<const Database> databases, const Conditions& conditions);

// A database's kernel in a race.
struct ChoiceEntry {
  size_t kernel = 0;    // 0: the default one; equal ones have one number and one time
  std::string refused;  // why it was not timed: it does not compile here, or is not right; else empty
  Estimate ratio;       // of its time to the default kernel's in the same round
};

struct ChoiceRaceResult {
  ir::Problem problem;
  int rounds = 0;
  double default_seconds = 0;  // of a call of the default kernel, the baseline: the median
  std::vector<std::optional<ChoiceEntry>> entries;  // by database; nothing where it has no kernel
  // The slowest database's time less the fastest's, over the fastest's in the same round: both wait for the
  // same memory, so this is known better than their ratios to a third kernel. 0 where all have one kernel;
  // nothing where fewer than two databases have one that was timed.
  std::optional<Estimate> difference;
};

struct ChoiceRaceEvents {
  // Before each round, which counts from 0.
  std::function<void(size_t race, int round)> progress;
  // Whether to end before the next round, with what is there.
  std::function<bool()> stop;
};

// Runs one race after another: each kernel is checked first (autotune/measure/exact_check.h), then all of
// them and the default kernel run in every round, with weights from memory, from several places in turn at
// which their code lies. None is dropped. A kernel bears the whole cost of its preparations. Where it
// was stopped, there are fewer results than races, and the last may have fewer rounds. Fails if a default
// kernel cannot be used.
Expected<std::vector<ChoiceRaceResult>> race_choices(std::span<const ChoiceRace> races, int rounds,
                                                     const targets::Target& target, ThreadPool& pool,
                                                     const ChoiceRaceEvents& events);

}  // namespace tern::autotune

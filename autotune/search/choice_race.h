// The choices of several databases for one machine, timed against each other: which of them are faster, and
// whether it matters.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autotune/records/database.h"
#include "base/statistics.h"
#include "base/thread_pool.h"

namespace tern::autotune {

// One problem, and the kernels that databases have for it.
struct Contest {
  ir::Problem problem;
  std::vector<std::optional<ir::Kernel>> kernels;  // by database; nothing where it has none
};

// Those of all shapes (n, k, weights) for which a database has a choice under these conditions, in the order
// in which they come; of each shape, every number of rows that one of these choices is for, ascending.
std::vector<Contest> contests_of(std::span<const Database> databases, const Conditions& conditions);

// A database's kernel in a contest.
struct Contender {
  size_t kernel = 0;    // 0: the default one; equal ones have one number and one time
  std::string refused;  // why it was not timed: it does not compile here, or is not right; else empty
  Estimate ratio;       // of its time to the default kernel's in the same round
};

struct ContestResult {
  ir::Problem problem;
  int rounds = 0;
  double default_seconds = 0;                        // of a call of the default kernel: the median
  std::vector<std::optional<Contender>> contenders;  // by database; nothing where it has no kernel
  // The slowest database's time less the fastest's, over the fastest's in the same round: both wait for the
  // same memory, so this is known better than their ratios to a third kernel. 0 where all have one kernel;
  // nothing where fewer than two databases have one that was timed.
  std::optional<Estimate> difference;
};

// Whether it is more than 3 standard errors: 99.7 % sure.
bool is_clear(const Estimate& difference);

struct ChoiceRaceEvents {
  // Before each round, which counts from 0.
  std::function<void(size_t contest, int round)> progress;
  // Whether to end before the next round, with what is there.
  std::function<bool()> stop;
};

// Holds one contest after another: each kernel is checked first (autotune/measure/exact_check.h), then all of
// them and the default kernel run in every round, with weights from memory, from several places in turn at
// which their code lies. A kernel bears the whole cost of its preparations. Where it
// was stopped, there are fewer results than contests, and the last may have fewer rounds. Fails if a default
// kernel cannot be used.
Expected<std::vector<ContestResult>> race_choices(std::span<const Contest> contests, int rounds,
                                                  const targets::Target& target, ThreadPool& pool,
                                                  const ChoiceRaceEvents& events);

}  // namespace tern::autotune

// Tuning the kernels of a model, or of any list of matrix shapes, within a budget of time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autotune/records/database.h"
#include "autotune/search/shape_search.h"

namespace tern::autotune {

// One shape of matrix.
struct TuneTask {
  ir::Problem problem;          // its m does not matter
  std::vector<Demand> demands;  // by ascending m
  double matrices = 1;          // of this shape in the model
  // One matrix's share of the time to build look-up tables: 1 / the number of matrices that read the same
  // activations and use the same tables.
  double tables_share = 1;
};

struct TuneOptions {
  double budget_seconds = 60;
  bool exhaustive = false;  // the whole space, however long it takes
  // If not 0: instead of a search, this many random candidates are measured for each shape and number of
  // rows, to see how good the cost model is. Nothing is chosen, and the budget does not count.
  size_t sample = 0;
  bool again = false;  // shapes that were tuned before too
  uint64_t seed = 1;
  std::string target = "host";  // as Conditions say it
  std::vector<Record> hints;    // of another CPU: tried first, and measured like all candidates
};

struct TuneProgress {
  size_t shape = 0, shapes = 0;
  ir::Problem problem;      // that is being worked on
  double fraction = 0;      // of the budget, or of the space
  double seconds_left = 0;  // at most
  double best_ratio = 1;    // of a session's time with this shape, to that of the default kernels
  size_t seen = 0, compiled = 0, measured = 0;  // candidates so far
};

struct TuneEvents {
  std::function<void(const TuneProgress& progress)> progress;
  std::function<bool()> interrupted;
  // Keeps what was found. An error ends the tuning.
  std::function<Status(const Database& found)> store;
};

struct ShapeOutcome {
  TuneTask task;
  std::unique_ptr<ShapeSearch> search;   // all that was tried; null if the database knew the answer
  std::vector<LayoutCandidate> layouts;  // the best first: see decide_layouts
  Choice choice;
  size_t seen = 0, compiled = 0, measured = 0;
  bool known() const { return !search; }
};

struct TuneResult {
  std::vector<ShapeOutcome> shapes;
  double seconds = 0;
  bool interrupted = false;
  double bytes_per_second = 0;        // of memory, the most that was seen: kernels are chosen for that
  double noise = 0;                   // the median of the races' (KernelRaceResult)
  size_t races = 0, noisy_races = 0;  // and in how many it was over a tenth
};

struct TuneMachine {
  const targets::Target& target;
  ThreadPool& pool;
  Machine machine;
};

// Fails if a default kernel does not work, or if what was found cannot be stored. `known` is what the
// database has.
Expected<TuneResult> tune(const std::vector<TuneTask>& tasks, const TuneOptions& options,
                          const TuneMachine& machine, const Database& known, const TuneEvents& events);

// The time now, as records say it: "2026-11-21T10:15:00Z".
std::string date_now();

}  // namespace tern::autotune

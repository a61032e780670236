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
  ir::Problem problem;    // its m does not matter
  std::vector<Use> uses;  // by ascending m
  double matrices = 1;    // of this shape in the model
  // What one matrix bears of the cost of building look-up tables: others that read the same activations can
  // use them too. 1: it is alone.
  double tables_share = 1;
};

struct TuneOptions {
  double budget_seconds = 60;
  bool exhaustive = false;  // the whole space, however long it takes
  // Instead of a search: so many random candidates for each shape and number of rows are measured, to see how
  // good the cost model is. Nothing is chosen, however long it takes. 0: it searches.
  size_t sample = 0;
  bool again = false;  // shapes that were tuned before too
  uint64_t seed = 1;
  std::string target = "host";  // as Conditions say it
  std::vector<Record> hints;    // of another CPU: tried first, and not believed
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
  std::unique_ptr<ShapeSearch> search;  // all that was tried; null if the database knew the answer
  std::vector<Option> options;          // the best first
  Choice choice;
  size_t seen = 0, compiled = 0, measured = 0;
  bool known() const { return !search; }
};

struct TuneResult {
  std::vector<ShapeOutcome> shapes;
  double seconds = 0;
  bool interrupted = false;
  double bytes_per_second = 0;        // of memory, the most that was seen: kernels are chosen for that
  double noise = 0;                   // the median of the races' (RaceResult)
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

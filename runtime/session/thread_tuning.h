// The best threads for a model: found once, kept in a file of records, used by every session.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "autotune/measure/energy_meter.h"
#include "autotune/records/database.h"
#include "autotune/search/thread_search.h"
#include "runtime/execute/engine.h"
#include "targets/host.h"

namespace tern::runtime {

// The key of a record of threads: "L30 d2560 f6912 h20/5 v128256", which is layers, widths of the
// embedding and of the feed-forward network, heads of queries and of keys, and the vocabulary.
std::string shape_of(const Hyperparameters& model);

struct ThreadTuning {
  autotune::ThreadChoice choice;
  std::vector<autotune::ThreadMeasurement> measurements;
  int64_t prompt = 0;  // tokens of each prompt that was timed
};

struct ThreadTuningOptions {
  double budget_seconds = 10;
  autotune::Objective objective = autotune::Objective::time;
  // If there is one, the energy of each candidate is measured too: a candidate then runs for at least
  // autotune::least_metered_seconds.
  autotune::JouleReader joules;
};

// Times the model on each candidate number of threads. Ends soon after the budget, but not before three
// rounds. The caller must not be bound to a processor. Errors: interrupted too early to tell (of that kind);
// the meter fails. Precondition: an objective of energy comes with a meter.
Expected<ThreadTuning> tune_threads(Engine& engine, const targets::Host& host,
                                    const ThreadTuningOptions& options,
                                    const std::function<bool()>& interrupted);

// The threads that were chosen for a model of this shape, or nothing. Processors that this process may not
// use are not named: then the system moves the threads.
std::optional<EngineThreads> chosen_threads(const autotune::Database& database, const Hyperparameters& model,
                                            const targets::Host& host);

}  // namespace tern::runtime

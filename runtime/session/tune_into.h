// Tuning into a file of records, for the sessions that come after.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "autotune/search/tune.h"
#include "base/expected.h"
#include "runtime/session/session.h"
#include "runtime/session/thread_tuning.h"
#include "runtime/session/warn.h"
#include "targets/host.h"

namespace tern::runtime {

struct TuneJob {
  std::vector<autotune::TuneTask> tasks;
  autotune::TuneOptions options;
  size_t threads = 0;  // number of threads that share a call; 0: one a core
  std::filesystem::path file;
  bool wants_peak = false;  // measures Machine::products_per_second, which only reports need
};

struct JobResult {
  autotune::TuneResult result;
  autotune::Machine machine;
};

// Callbacks of a job. Each may be empty.
struct JobEvents {
  std::function<void(const autotune::TuneProgress& progress)> progress;
  std::function<bool()> interrupted;  // called often: true ends the job, which keeps the kernels found before
  Warn warn;
};

// Tunes until done or interrupted, and writes each result to the file at once. Warns of damage in the file.
// Errors: those of autotune::tune and of the file.
Expected<JobResult> tune_kernels_into(const TuneJob& job, const targets::Host& host, const JobEvents& events);

// Finds the best threads for a model with the tuned kernels of the file, and stores them there. Errors: those
// of open_session, of tune_threads and of the file.
Expected<ThreadTuning> tune_threads_into(const std::filesystem::path& file, SessionOptions session,
                                         const ThreadTuningOptions& options, const targets::Host& host,
                                         const JobEvents& events);

}  // namespace tern::runtime

// Tuning into a database: what `tern tune` and `tern run --tune` have in common.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "autotune/search/tune.h"
#include "base/expected.h"
#include "targets/host.h"
#include "tools/options/thread_tuning.h"

namespace tern::tools {

// "60s", "2m", "1h" or "90": seconds.
Expected<double> parse_duration(const std::string& text);

// Where what is tuned on this machine goes: the named file, or the machine's own.
std::filesystem::path tuned_file(const std::string& named, const autotune::Provenance& machine);

struct TuneJob {
  std::vector<autotune::TuneTask> tasks;
  autotune::TuneOptions options;
  size_t threads = 0;  // that share each call; 0: one a core
  std::filesystem::path file;
  bool wants_peak = false;  // measures Machine::products_per_second, which only reports need
};

struct JobResult {
  autotune::TuneResult result;
  autotune::Machine machine;
};

// Tunes with a progress line on standard error, if that is a terminal, until done or interrupted (process.h);
// all that is found goes into the file at once. Damage in the file is a warning.
Expected<JobResult> run_job(const TuneJob& job, const targets::Host& host);

// Finds the best threads for a model with the tuned kernels of the file, and stores them there.
Expected<ThreadTuning> tune_threads_into(const std::filesystem::path& file, const std::string& model,
                                         const std::string& target, const ThreadTuningOptions& options,
                                         const targets::Host& host);

}  // namespace tern::tools

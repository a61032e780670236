#include "tools/tune/tune_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "autotune/measure/peak.h"
#include "autotune/records/database_file.h"
#include "codegen/jit/jit.h"
#include "runtime/execute/bandwidth.h"
#include "tools/options/engine_options.h"
#include "tools/options/process.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

std::string time_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  return seconds < 7200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

std::string progress_text(const autotune::TuneProgress& progress) {
  constexpr int width = 20;
  const int done = static_cast<int>(progress.fraction * width);
  return fmt::format(
      "[{:#<{}}{:.<{}}] {} left  {} ({} of {})  best {:.3f} of the default's time  {} measured", "", done, "",
      width - done, time_text(progress.seconds_left), shape_text(progress.problem), progress.shape + 1,
      progress.shapes, progress.best_ratio, progress.measured);
}

// On standard error: one line that is written again and again or, where that is no terminal, a line a minute.
class ProgressLine {
 public:
  void show(const autotune::TuneProgress& progress) {
    if (is_terminal_) {
      fmt::print(stderr, "\r\x1b[K{}", progress_text(progress));
    } else if (Clock::now() >= next_) {
      fmt::print(stderr, "{}\n", progress_text(progress));
      next_ = Clock::now() + std::chrono::minutes(1);
    }
    std::fflush(stderr);
  }
  ~ProgressLine() {
    if (is_terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  using Clock = std::chrono::steady_clock;
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  Clock::time_point next_ = Clock::now() + std::chrono::minutes(1);
};

Expected<double> peak_of(const targets::Target& target, ThreadPool& pool) {
  const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
  if (!jit) return jit.error();
  return autotune::measure_peak(*jit, pool);
}

}  // namespace

Expected<double> parse_duration(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double seconds = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (problem != std::errc() || seconds == 0 || !(value > 0) || value * seconds > 1e7)
    return Error{fmt::format("'{}' is no time such as 60s, 2m or 1h", text), {}};
  return value * seconds;
}

fs::path tuned_file(const std::string& named, const autotune::Provenance& machine) {
  return named.empty() ? autotune::database_file(machine) : fs::path(named);
}

Expected<JobResult> run_job(const TuneJob& job, const targets::Host& host) {
  const Expected<targets::Target> target = targets::find_runnable_target(job.options.target);
  if (!target) return target.error();
  const autotune::Provenance provenance = autotune::provenance_of(host);
  std::vector<std::string> warnings;
  const Expected<autotune::Database> known = autotune::load_database(job.file, provenance, warnings);
  if (!known) return known.error();
  for (const std::string& warning : warnings) fmt::print(stderr, "tern: warning: {}\n", warning);

  TERN_ASSIGN(const std::unique_ptr<ThreadPool> pool,
              threads_to_measure_on(job.threads == 0 ? default_threads() : job.threads));
  TERN_ASSIGN(const double bandwidth, runtime::read_bandwidth(*pool));
  autotune::TuneMachine machine{*target, *pool, {static_cast<int>(pool->threads()), bandwidth, 3e9}};
  if (job.wants_peak) {
    const Expected<double> peak = peak_of(*target, *pool);
    if (!peak) return peak.error();
    machine.machine.products_per_second = *peak;
  }
  ProgressLine line;
  const autotune::TuneEvents events{
      [&](const autotune::TuneProgress& progress) { line.show(progress); }, [] { return interrupted(); },
      [&](const autotune::Database& found) { return autotune::append_to_database(job.file, found); }};
  Expected<autotune::TuneResult> result = autotune::tune(job.tasks, job.options, machine, *known, events);
  if (!result) return result.error();
  // What was appended piece by piece becomes one record a kernel.
  const Status joined = autotune::update_database(job.file, provenance, [](autotune::Database&) {});
  if (!joined) return joined.error();
  // Others may have used memory when it was measured.
  machine.machine.bytes_per_second = std::max(machine.machine.bytes_per_second, result->bytes_per_second);
  return JobResult{result.take(), machine.machine};
}

Expected<ThreadTuning> tune_threads_into(const fs::path& file, const std::string& model,
                                         const std::string& target, const ThreadTuningOptions& options,
                                         const targets::Host& host) {
  EngineFlags flags;
  flags.model = model;
  flags.target = target;
  flags.records.database = file.string();
  const Expected<LoadedEngine> loaded = load_engine(flags);
  if (!loaded) return loaded.error();
  Expected<ThreadTuning> tuning = tune_threads(*loaded->engine, host, options, interrupted);
  if (!tuning) return tuning;
  const autotune::Provenance provenance = autotune::provenance_of(host);
  const Status stored = autotune::update_database(file, provenance, [&](autotune::Database& database) {
    merge(database, {provenance, {}, {}, {tuning->choice}});
  });
  if (!stored) return stored.error();
  return tuning;
}

}  // namespace tern::tools

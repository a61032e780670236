#include "runtime/session/tune_into.h"

#include <algorithm>
#include <memory>

#include "autotune/measure/peak.h"
#include "autotune/records/database_file.h"
#include "codegen/jit/jit.h"
#include "runtime/execute/bandwidth.h"
#include "runtime/session/machine_threads.h"

namespace tern::runtime {
namespace {

Expected<double> peak_of(const targets::Target& target, ThreadPool& pool) {
  TERN_ASSIGN(const codegen::Jit jit, codegen::Jit::make(target, std::nullopt));
  return autotune::measure_peak(jit, pool);
}

bool is_interrupted(const JobEvents& events) {
  return events.interrupted && events.interrupted();
}

}  // namespace

Expected<JobResult> tune_kernels_into(const TuneJob& job, const targets::Host& host,
                                      const JobEvents& events) {
  TERN_ASSIGN(const targets::Target target, targets::find_runnable_target(job.options.target));
  const autotune::Provenance provenance = autotune::provenance_of(host);
  std::vector<std::string> warnings;
  TERN_ASSIGN(const autotune::Database known, autotune::load_database(job.file, provenance, warnings));
  if (events.warn) std::ranges::for_each(warnings, events.warn);

  TERN_ASSIGN(const std::unique_ptr<ThreadPool> pool,
              make_bound_threads(job.threads == 0 ? default_threads() : job.threads));
  TERN_ASSIGN(const double bandwidth, read_bandwidth(*pool, VectorLevel::best));
  autotune::TuneMachine machine{target, *pool, {static_cast<int>(pool->threads()), bandwidth, 3e9}};
  if (job.wants_peak) {
    TERN_ASSIGN(machine.machine.products_per_second, peak_of(target, *pool));
  }
  const autotune::TuneEvents tune_events{
      [&](const autotune::TuneProgress& progress) {
        if (events.progress) events.progress(progress);
      },
      [&] { return is_interrupted(events); },
      [&](const autotune::Database& found) { return autotune::append_to_database(job.file, found); }};
  TERN_ASSIGN(autotune::TuneResult result,
              autotune::tune(job.tasks, job.options, machine, known, tune_events));
  // Merges the records that were appended one by one: one record a kernel.
  TERN_TRY(autotune::update_database(job.file, provenance, [](autotune::Database&) {}));
  // If other programs used the memory while the bandwidth was measured, a kernel may have been faster than
  // that.
  machine.machine.bytes_per_second = std::max(machine.machine.bytes_per_second, result.bytes_per_second);
  return JobResult{std::move(result), machine.machine};
}

Expected<ThreadTuning> tune_threads_into(const std::filesystem::path& file, SessionOptions session,
                                         const ThreadTuningOptions& options, const targets::Host& host,
                                         const JobEvents& events) {
  session.records = {file.string(), false};
  TERN_ASSIGN(const Session opened, open_session(session, events.warn));
  TERN_ASSIGN(const ThreadTuning tuning,
              tune_threads(*opened.engine, host, options, [&] { return is_interrupted(events); }));
  const autotune::Provenance provenance = autotune::provenance_of(host);
  TERN_TRY(autotune::update_database(file, provenance, [&](autotune::Database& database) {
    merge(database, {provenance, {}, {}, {tuning.choice}});
  }));
  return tuning;
}

}  // namespace tern::runtime

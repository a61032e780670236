#include "tools/tune/tune_first.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "runtime/session/tune_tasks.h"
#include "targets/host.h"
#include "tools/options/process.h"
#include "tools/tune/tune_session.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {

void add_tune_first_option(CLI::App& command, TuneFirstFlags& flags) {
  command
      .add_option_function<std::string>(
          "--tune",
          [&flags](const std::string& value) {
            flags.background = value == "background";
            flags.wanted = !flags.background;
            if (flags.wanted && !value.empty()) flags.budget = value;
          },
          "First tune the kernels that this model lacks on this machine, for 30s or --tune=TIME; "
          "--tune=background: try better ones while it runs")
      ->expected(0, 1)
      ->excludes("--untuned");
}

Status tune_first(const TuneFirstFlags& flags, const EngineFlags& engine) {
  if (!flags.wanted) return {};
  const Expected<double> budget = parse_duration(flags.budget);
  if (!budget) return Error{fmt::format("--tune: {}", budget.error().message), {}};
  TERN_ASSIGN(const targets::Host host, targets::detect_host());
  TERN_ASSIGN(const targets::Target target, targets::find_runnable_target(engine.target));
  const autotune::Provenance machine = autotune::provenance_of(host);
  runtime::TuneJob job;
  job.file = runtime::tuned_file(engine.records.database, machine);
  TERN_ASSIGN(const std::vector<autotune::Demand> demands, parse_demands(default_demands));
  TERN_ASSIGN(job.tasks,
              runtime::tasks_of_model(engine.model.empty() ? default_model() : engine.model, demands));
  TERN_ASSIGN(job.tasks, runtime::missing_tasks(std::move(job.tasks), job.file, target, machine));
  if (job.tasks.empty()) return {};
  job.options.budget_seconds = *budget;
  job.options.target = engine.target;
  job.threads = engine.threads;
  fmt::print(stderr, "tern: tuning {} shapes for {:g} s\n", job.tasks.size(), *budget);
  catch_interrupts();
  TERN_ASSIGN(const runtime::JobResult report, run_job(job, host));
  const auto found = std::ranges::count_if(report.result.shapes, [](const autotune::ShapeOutcome& shape) {
    return !shape.choice.kernels.empty();
  });
  fmt::print(stderr, "tern: tuned {} of {} shapes in {:.1f} s: {}\n", found, report.result.shapes.size(),
             report.result.seconds, job.file.string());
  if (report.result.interrupted) return Error{"interrupted", {}, ErrorKind::interrupted};
  return {};
}

}  // namespace tern::tools

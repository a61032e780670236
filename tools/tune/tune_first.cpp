#include "tools/tune/tune_first.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "autotune/records/database_file.h"
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

Expected<std::vector<autotune::TuneTask>> missing_tasks(const EngineFlags& engine,
                                                        const std::filesystem::path& file,
                                                        const targets::Host& host) {
  const Expected<targets::Target> target = targets::find_runnable_target(engine.target);
  if (!target) return target.error();
  const Expected<std::vector<autotune::Use>> uses = parse_uses(usual_uses);
  if (!uses) return uses.error();
  Expected<std::vector<autotune::TuneTask>> tasks =
      tasks_of_model(engine.model.empty() ? default_model() : engine.model, *uses);
  if (!tasks) return tasks;
  std::vector<std::string> warnings;  // those of the file are said when it is read to be used
  Expected<autotune::Database> known = autotune::load_choices(file, autotune::provenance_of(host), warnings);
  if (!known) return known.error();
  std::erase_if(known->choices, [](const autotune::Choice& choice) { return choice.predicted; });
  std::vector<autotune::TuneTask> missing = tasks.take();
  std::erase_if(missing, [&](const autotune::TuneTask& task) {
    return find_kernel(*known, task.problem, *target).has_value();
  });
  return missing;
}

Status tune_first(const TuneFirstFlags& flags, const EngineFlags& engine) {
  if (!flags.wanted) return {};
  const Expected<double> budget = parse_duration(flags.budget);
  if (!budget) return Error{fmt::format("--tune: {}", budget.error().message), {}};
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  TuneJob job;
  job.file = tuned_file(engine.records.database, autotune::provenance_of(*host));
  Expected<std::vector<autotune::TuneTask>> missing = missing_tasks(engine, job.file, *host);
  if (!missing) return missing.error();
  if (missing->empty()) return {};
  job.tasks = missing.take();
  job.options.budget_seconds = *budget;
  job.options.target = engine.target;
  job.threads = engine.threads;
  fmt::print(stderr, "tern: tuning {} shapes for {:g} s\n", job.tasks.size(), *budget);
  catch_interrupts();
  const Expected<JobResult> report = run_job(job, *host);
  if (!report) return report.error();
  const auto found = std::ranges::count_if(report->result.shapes, [](const autotune::ShapeOutcome& shape) {
    return !shape.choice.kernels.empty();
  });
  fmt::print(stderr, "tern: tuned {} of {} shapes in {:.1f} s: {}\n", found, report->result.shapes.size(),
             report->result.seconds, job.file.string());
  if (report->result.interrupted) return Error{"interrupted", {}, ErrorKind::interrupted};
  return {};
}

}  // namespace tern::tools

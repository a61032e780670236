// tern tune: finds the best kernels for this CPU, keeps them, and says what was gained.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "autotune/records/database_file.h"
#include "autotune/search/tune.h"
#include "runtime/model/model.h"
#include "runtime/session/tune_tasks.h"
#include "targets/host.h"
#include "tools/commands.h"
#include "tools/options/engine_options.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"
#include "tools/options/target_option.h"
#include "tools/tune/energy_source.h"
#include "tools/tune/thread_text.h"
#include "tools/tune/tune_job.h"
#include "tools/tune/tune_predict.h"
#include "tools/tune/tune_report.h"
#include "tools/tune/tune_session.h"
#include "tools/tune/tune_setup.h"
#include "tools/tune/tune_text.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

// The part of the budget that is for finding the best threads.
constexpr double share_of_threads = 0.15;

struct TuneFlags {
  std::string model;
  std::vector<std::string> shapes;
  std::string demands = default_demands, budget = "60s", target = "host", database, from;
  std::string export_folder, import_folder;
  std::string objective = "time";
  size_t candidates = 8, sample = 0;
  size_t threads = 0;
  uint64_t seed = 1;
  std::string report;
  bool exhaustive = false, again = false, space = false, predict = false, explain = false;
  bool no_threads = false;
};

Expected<std::vector<autotune::TuneTask>> tasks_of(const TuneFlags& flags) {
  TERN_ASSIGN(const std::vector<autotune::Demand> demands, parse_demands(flags.demands));
  if (flags.shapes.empty())
    return runtime::tasks_of_model(flags.model.empty() ? default_model() : flags.model, demands);
  std::vector<ir::Problem> shapes;
  for (const std::string& text : flags.shapes) {
    const Expected<ir::Problem> shape = parse_shape(text);
    if (!shape) return Error{fmt::format("--shape: {}", shape.error().message), {}};
    shapes.push_back(*shape);
  }
  return runtime::tasks_of_shapes(shapes, demands);
}

// Kernels that were good on another CPU, to be tried first.
Expected<std::vector<autotune::Record>> read_hints(const std::string& file) {
  if (file.empty()) return std::vector<autotune::Record>{};
  std::ifstream in(file);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) return Error{"--from: cannot be read", {file, 0, 0}};
  TERN_ASSIGN(autotune::ParsedDatabase parsed, autotune::parse_database(text.str(), file));
  return std::move(parsed.database.records);
}

// The command line has let no other names pass.
autotune::Objective objective_of(const TuneFlags& flags) {
  return *autotune::find_objective(flags.objective);
}

Expected<int> show_space(const TuneFlags& flags) {
  TERN_ASSIGN(const std::vector<autotune::TuneTask> tasks, tasks_of(flags));
  TERN_ASSIGN(const targets::Target target, targets::find_target(flags.target));
  std::string text;
  for (const autotune::TuneTask& task : tasks) text += space_text(task, target);
  return write_output("", text);
}

// Whether to look for the best threads: not if the user states them, for shapes without a model, or if they
// are known for the objective.
Expected<bool> should_tune_threads(const TuneFlags& flags, const fs::path& file, const targets::Host& host) {
  if (flags.no_threads || flags.sample > 0 || flags.threads != 0 || !flags.shapes.empty()) return false;
  if (flags.again) return true;
  std::vector<std::string> warnings;  // run_job says them
  TERN_ASSIGN(const autotune::Database known,
              autotune::load_choices(file, autotune::provenance_of(host), warnings));
  TERN_ASSIGN(
      const runtime::Model model,
      runtime::load_model(flags.model.empty() ? default_model() : flags.model, {.check_values = false}));
  const auto choice = std::ranges::find(known.threads, runtime::shape_of(model.hyperparameters),
                                        &autotune::ThreadChoice::model);
  return !runtime::chosen_threads(known, model.hyperparameters, host) ||
         choice->objective != objective_of(flags);
}

Expected<int> run_tune(const TuneFlags& flags) {
  if (flags.space) return show_space(flags);
  if (!flags.import_folder.empty()) return import_results(flags.import_folder, flags.database);
  const Expected<double> budget = parse_duration(flags.budget);
  if (!budget) return Error{fmt::format("--budget: {}", budget.error().message), {}};
  TERN_ASSIGN(const std::vector<autotune::TuneTask> tasks, tasks_of(flags));
  if (!flags.export_folder.empty())
    return export_job(tasks, flags.target, flags.export_folder, flags.candidates);
  if (flags.predict)
    return predict(tasks, flags.target, static_cast<int>(flags.threads == 0 ? 1 : flags.threads),
                   flags.database, flags.explain);
  const Expected<targets::Host>& host = targets::detect_host();
  TERN_TRY(host);
  const autotune::Objective objective = objective_of(flags);
  const Expected<autotune::JouleReader> joules = joule_reader();
  if (!joules && objective == autotune::Objective::energy)
    return Error{fmt::format("--objective energy: {}", joules.error().text()), {}, joules.error().kind};
  TERN_ASSIGN(std::vector<autotune::Record> hints, read_hints(flags.from));
  const autotune::Provenance provenance = autotune::provenance_of(*host);
  runtime::TuneJob job;
  job.tasks = tasks;
  job.options.exhaustive = flags.exhaustive;
  job.options.sample = flags.sample;
  job.options.again = flags.again;
  job.options.seed = flags.seed;
  job.options.target = flags.target;
  job.options.hints = std::move(hints);
  job.threads = flags.threads;
  job.file = runtime::tuned_file(flags.database, provenance);
  TERN_ASSIGN(const bool wants_threads, should_tune_threads(flags, job.file, *host));
  job.options.budget_seconds = *budget * (wants_threads ? 1 - share_of_threads : 1);
  job.wants_peak = !flags.report.empty();

  catch_interrupts();
  TERN_ASSIGN(const runtime::JobResult done, run_job(job, *host));
  std::string text = flags.sample > 0
                         ? sample_text(done.result, job.file.string())
                         : result_text(done.result, done.machine, job.file.string(), flags.explain);
  if (wants_threads && !done.result.interrupted) {
    const runtime::ThreadTuningOptions options{*budget * share_of_threads, objective,
                                               joules ? *joules : autotune::JouleReader()};
    EngineFlags engine;
    engine.model = flags.model;
    engine.target = flags.target;
    const Expected<runtime::ThreadTuning> threads = runtime::tune_threads_into(
        job.file, session_options(engine), options, *host, {{}, interrupted, print_warning});
    if (!threads && !interrupted()) return threads.error();
    if (threads) text += tools::text(*threads);
    if (threads && !joules) text += fmt::format("joules were not recorded: {}\n", joules.error().text());
  }
  int written = write_output("", text);
  if (!flags.report.empty()) {
    const TuneReport about{host->target.description, provenance,   done.machine,
                           autotune::date_now(),     TERN_VERSION, job.file.string()};
    written = std::max(written, write_output(flags.report, report_html(done.result, about)));
  }
  return interrupted() ? exit_interrupted : written;
}

}  // namespace

void add_tune(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<TuneFlags>();
  CLI::App* command = app.add_subcommand("tune", "Find the best kernels for this CPU and keep them");
  command->add_option("-m,--model", flags->model,
                      "Model whose matrices are tuned; the model in the box if not given");
  command->add_option("--shape", flags->shapes,
                      "Instead: outputs x inputs of a ternary matrix, such as 2560x6912");
  command->add_option("--budget", flags->budget, "Time to take, such as 60s or 5m")->capture_default_str();
  command->add_flag("--exhaustive", flags->exhaustive, "Measure the whole space, however long it takes");
  command
      ->add_option(
          "--sample", flags->sample,
          "Search nothing: measure this many random candidates for each shape and number of rows, keep "
          "that, and say how well the cost model ranks them")
      ->excludes("--exhaustive")
      ->check(CLI::Range(1, 100000));
  command->add_flag("--again", flags->again, "Tune what was tuned before, too");
  command
      ->add_option(
          "--use", flags->demands,
          "Numbers of rows, and how many calls a session makes with each: what a layout is chosen for")
      ->capture_default_str();
  command->add_option("-t,--threads", flags->threads, "Threads that share each kernel (default: one a core)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--no-threads", flags->no_threads,
                    "Leave out how many threads are best for the model, and where (so does -t)");
  CLI::Option* objective =
      command
          ->add_option("--objective", flags->objective,
                       "What the best number of threads has least of for each token: time, or energy, where "
                       "this process may read the counters in /sys/class/powercap, or in $TERN_POWERCAP")
          ->check(CLI::IsMember({"time", "energy"}))
          ->capture_default_str();
  add_target_option(*command, flags->target);
  command->add_option("--database", flags->database, "File of records (default: see `tern db list`)");
  command->add_option("--from", flags->from, "Another CPU's records: what was best there is tried first");
  command->add_option("--seed", flags->seed, "Seed of the order of measurements, and of --sample")
      ->capture_default_str();
  command->add_flag("--space", flags->space,
                    "Only count what would be searched, and say what cannot be and why");
  command->add_flag("--predict", flags->predict,
                    "Only rank by the cost model, which works for any --target, and keep that as predicted");
  CLI::Option* exporting =
      command->add_option("--export-job", flags->export_folder,
                          "Write a folder with kernels for --target and a program that times them there");
  command
      ->add_option("--candidates", flags->candidates,
                   "Of the job, kernels for each shape and number of rows: the best by the cost model")
      ->needs(exporting)
      ->check(CLI::Range(2, 256))
      ->capture_default_str();
  command
      ->add_option("--import-results", flags->import_folder,
                   "Keep what that program measured on the device; its results.yaml is in the job's folder")
      ->excludes(exporting);
  command->add_flag("--explain", flags->explain,
                    "Say of each winner what limits it, and what came next; with --predict, of every recipe");
  command
      ->add_option("--report", flags->report, "HTML file to write: a page with all that was measured, drawn")
      ->excludes("--sample");
  // With these, no number of threads is chosen.
  for (const char* other : {"--shape", "--threads", "--no-threads", "--sample", "--space", "--predict",
                            "--export-job", "--import-results"})
    objective->excludes(other);
  command->callback([flags, &exit_code] {
    const Expected<int> code = run_tune(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools

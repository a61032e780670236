// tern tune: finds the best kernels for this CPU, keeps them, and says what was gained.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "autotune/database_file.h"
#include "autotune/peak.h"
#include "autotune/tune.h"
#include "runtime/bandwidth.h"
#include "targets/host.h"
#include "tools/commands.h"
#include "tools/model_options.h"
#include "tools/output_file.h"
#include "tools/process.h"
#include "tools/target_option.h"
#include "tools/tune_job.h"
#include "tools/tune_predict.h"
#include "tools/tune_report.h"
#include "tools/tune_setup.h"
#include "tools/tune_text.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

struct TuneFlags {
  std::string model;
  std::vector<std::string> shapes;
  std::string uses = usual_uses, budget = "60s", target = "host", database, from;
  std::string export_folder, import_folder;
  size_t candidates = 8;
  size_t threads = 0;
  uint64_t seed = 1;
  std::string report;
  bool exhaustive = false, again = false, space = false, predict = false, explain = false;
};

// "60s", "2m", "1h" or "90": seconds.
Expected<double> parse_duration(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double seconds = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (problem != std::errc() || seconds == 0 || !(value > 0) || value * seconds > 1e7)
    return Error{fmt::format("'{}' is no time such as 60s, 2m or 1h", text), {}};
  return value * seconds;
}

Expected<std::vector<autotune::TuneTask>> tasks_of(const TuneFlags& flags) {
  const Expected<std::vector<autotune::Use>> uses = parse_uses(flags.uses);
  if (!uses) return uses.error();
  if (flags.shapes.empty()) return tasks_of_model(flags.model.empty() ? default_model() : flags.model, *uses);
  std::vector<ir::Problem> shapes;
  for (const std::string& text : flags.shapes) {
    const Expected<ir::Problem> shape = parse_shape(text);
    if (!shape) return Error{fmt::format("--shape: {}", shape.error().message), {}};
    shapes.push_back(*shape);
  }
  return tasks_of_shapes(shapes, *uses);
}

// Kernels that were good on another CPU, to be tried first.
Expected<std::vector<autotune::Record>> read_hints(const std::string& file) {
  if (file.empty()) return std::vector<autotune::Record>{};
  std::ifstream in(file);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) return Error{"--from: cannot be read", {file, 0, 0}};
  Expected<autotune::ParsedDatabase> parsed = autotune::parse_database(text.str(), file);
  if (!parsed) return parsed.error();
  return std::move(parsed->database.records);
}

// One line on standard error that is written again and again.
class ProgressLine {
 public:
  void show(const autotune::TuneProgress& progress) {
    if (!is_terminal_) return;
    constexpr int width = 20;
    const int done = static_cast<int>(progress.fraction * width);
    fmt::print(stderr,
               "\r\x1b[K[{:#<{}}{:.<{}}] {:.0f} s left  {} ({} of {})  best {:.3f} of the default's time  {} "
               "measured",
               "", done, "", width - done, progress.seconds_left, shape_text(progress.problem),
               progress.shape + 1, progress.shapes, progress.best_ratio, progress.measured);
    std::fflush(stderr);
  }
  ~ProgressLine() {
    if (is_terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
};

Expected<int> show_space(const TuneFlags& flags) {
  const Expected<std::vector<autotune::TuneTask>> tasks = tasks_of(flags);
  if (!tasks) return tasks.error();
  const Expected<targets::Target> target = targets::find_target(flags.target);
  if (!target) return target.error();
  std::string text;
  for (const autotune::TuneTask& task : *tasks) text += space_text(task, *target);
  return write_output("", text);
}

// Only reports ask for it.
Expected<double> peak_of(const targets::Target& target, const autotune::Crew& crew) {
  const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
  if (!jit) return jit.error();
  return autotune::measure_peak(*jit, crew);
}

Expected<int> run_tune(const TuneFlags& flags) {
  if (flags.space) return show_space(flags);
  if (!flags.import_folder.empty()) return import_results(flags.import_folder, flags.database);
  const Expected<double> budget = parse_duration(flags.budget);
  if (!budget) return Error{fmt::format("--budget: {}", budget.error().message), {}};
  const Expected<std::vector<autotune::TuneTask>> tasks = tasks_of(flags);
  if (!tasks) return tasks.error();
  if (!flags.export_folder.empty())
    return export_job(*tasks, flags.target, flags.export_folder, flags.candidates);
  if (flags.predict)
    return predict(*tasks, flags.target, static_cast<int>(flags.threads == 0 ? 1 : flags.threads),
                   flags.database);
  const Expected<targets::Target> target = targets::find_runnable_target(flags.target);
  if (!target) return target.error();
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  Expected<std::vector<autotune::Record>> hints = read_hints(flags.from);
  if (!hints) return hints.error();

  const autotune::Provenance provenance = autotune::provenance_of(*host);
  const fs::path file =
      flags.database.empty() ? autotune::database_file(provenance) : fs::path(flags.database);
  std::vector<std::string> warnings;
  const Expected<autotune::Database> known = autotune::load_database(file, provenance, warnings);
  if (!known) return known.error();
  for (const std::string& warning : warnings) fmt::print(stderr, "tern: warning: {}\n", warning);

  const Expected<std::unique_ptr<PoolCrew>> crew =
      PoolCrew::make(flags.threads == 0 ? default_threads() : flags.threads);
  if (!crew) return crew.error();
  const Expected<double> bandwidth = runtime::read_bandwidth((*crew)->pool());
  if (!bandwidth) return bandwidth.error();

  autotune::TuneOptions options;
  options.budget_seconds = *budget;
  options.exhaustive = flags.exhaustive;
  options.again = flags.again;
  options.seed = flags.seed;
  options.target = flags.target;
  options.hints = hints.take();
  const autotune::Crew& threads = (*crew)->crew();
  autotune::TuneMachine machine{*target, threads, {threads.threads, *bandwidth, 3e9}};
  if (!flags.report.empty()) {
    const Expected<double> peak = peak_of(*target, threads);
    if (!peak) return peak.error();
    machine.machine.products_per_second = *peak;
  }
  catch_interrupts();
  const Expected<autotune::TuneResult> result = [&] {
    ProgressLine line;
    const autotune::TuneEvents events{
        [&](const autotune::TuneProgress& progress) { line.show(progress); }, [] { return interrupted(); },
        [&](const autotune::Database& found) { return autotune::append_to_database(file, found); }};
    return autotune::tune(*tasks, options, machine, *known, events);
  }();
  if (!result) return result.error();
  // What was appended piece by piece becomes one record a kernel.
  if (const Status joined = autotune::update_database(file, provenance, [](autotune::Database&) {}); !joined)
    return joined.error();
  int written = write_output("", result_text(*result, machine.machine, file.string(), flags.explain));
  if (!flags.report.empty()) {
    const TuneReport about{host->target.description, provenance,   machine.machine,
                           autotune::date_now(),     TERN_VERSION, file.string()};
    written = std::max(written, write_output(flags.report, report_html(*result, about)));
  }
  return result->interrupted ? 130 : written;
}

}  // namespace

void add_tune(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<TuneFlags>();
  CLI::App* command = app.add_subcommand("tune", "Find the best kernels for this CPU and keep them");
  command->add_option("-m,--model", flags->model,
                      "GGUF file whose matrices are tuned; the model in the box if not given");
  command->add_option("--shape", flags->shapes,
                      "Instead: outputs x inputs of a ternary matrix, such as 2560x6912");
  command->add_option("--budget", flags->budget, "Time to take, such as 60s or 5m")->capture_default_str();
  command->add_flag("--exhaustive", flags->exhaustive, "Measure the whole space, however long it takes");
  command->add_flag("--again", flags->again, "Tune what was tuned before, too");
  command
      ->add_option("--use", flags->uses,
                   "Rows and how many calls a session makes with so many: what a layout is chosen for")
      ->capture_default_str();
  command->add_option("-t,--threads", flags->threads, "Threads (default: one a core)")
      ->check(CLI::Range(1, 1024));
  add_target_option(*command, flags->target);
  command->add_option("--database", flags->database, "File of records (default: see `tern db list`)");
  command->add_option("--from", flags->from, "Another CPU's records: what was best there is tried first");
  command->add_option("--seed", flags->seed, "Seed of the order of measurements")->capture_default_str();
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
  command->add_flag("--explain", flags->explain, "Say of each winner what limits it, and what came next");
  command->add_option("--report", flags->report,
                      "HTML file to write: a page with all that was measured, drawn");
  command->callback([flags, &exit_code] {
    const Expected<int> code = run_tune(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools

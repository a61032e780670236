// tern why: of a shape, which kernels were chosen on this CPU, what came next, what limits them, and what is
// not possible and why.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "autotune/records/database_file.h"
#include "autotune/search/tune.h"
#include "runtime/execute/bandwidth.h"
#include "runtime/session/machine_threads.h"
#include "runtime/session/tune_tasks.h"
#include "targets/host.h"
#include "tools/commands.h"
#include "tools/options/model_options.h"
#include "tools/options/output_file.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

struct WhyFlags {
  std::string shape, database;
  size_t shown = 8;
};

using autotune::Record;

// Records of one problem, the fastest first; what was refused comes last.
std::vector<const Record*> records_of(const autotune::Database& database, const ir::Problem& problem,
                                      const autotune::Conditions& conditions) {
  std::vector<const Record*> found;
  for (const Record& record : database.records) {
    if (record.kernel.problem == problem && record.conditions == conditions) found.push_back(&record);
  }
  std::ranges::stable_sort(found, {}, [](const Record* record) {
    return record->timings.empty() ? 1e30 : record->timings.back().ratio;
  });
  return found;
}

std::string winner_text(const autotune::Choice& choice, size_t b, const std::vector<const Record*>& records) {
  const ir::Kernel& kernel = choice.kernels[b];
  std::string text =
      fmt::format("\n{} rows: {:.1f} us, {:.3f} of the default kernel's time{}\n", kernel.problem.m,
                  choice.seconds[b] * 1e6, choice.ratios[b], choice.predicted ? " (predicted)" : "");
  text += fmt::format("  layout {}\n", print(kernel.weights));
  for (const Record* record : records) {
    if (hash(record->kernel) != hash(kernel)) continue;
    text += fmt::format("  {}\n", record->recipe);
    if (record->predicted_seconds > 0)
      text += fmt::format("  the cost model said {:.1f} us: off by a factor of {:.2f}\n",
                          record->predicted_seconds * 1e6, choice.seconds[b] / record->predicted_seconds);
  }
  return text;
}

std::string others_text(const autotune::Choice& choice, size_t b, const std::vector<const Record*>& records,
                        size_t shown) {
  std::string text;
  const double best = choice.ratios[b];
  size_t count = 0;
  std::map<std::string, size_t> refused;
  for (const Record* record : records) {
    if (!record->refused.empty()) ++refused[record->refused];
    if (record->timings.empty() || hash(record->kernel) == hash(choice.kernels[b]) || ++count > shown)
      continue;
    const autotune::Timing& timing = record->timings.back();
    const double apart = timing.error > 0 ? (timing.ratio - best) / timing.error : 0;
    text += fmt::format("  {:+6.1f} % (+- {:.1f}{})  {}  {}\n", 100 * (timing.ratio / best - 1),
                        100 * timing.error / best, std::abs(apart) < 2 ? ", no clear difference" : "",
                        record->kernel.weights == choice.kernels[b].weights ? "same layout " : "other layout",
                        record->recipe);
  }
  if (count > shown) text += fmt::format("  and {} more\n", count - shown);
  for (const auto& [reason, times] : refused)
    text += fmt::format("  {} refused when run: {}\n", times, reason);
  return text;
}

// What bounds each winner, by the cost model.
Expected<std::string> limits_text(const autotune::Choice& choice, const std::vector<const Record*>& records,
                                  const targets::Target& target, autotune::CostModel& model, size_t b) {
  for (const Record* record : records) {
    if (hash(record->kernel) != hash(choice.kernels[b])) continue;
    const std::optional<kernels::Candidate> candidate =
        kernels::parse_candidate(record->recipe, record->kernel.problem, target);
    const std::optional<autotune::Prediction> prediction =
        candidate ? model.predict(*candidate) : std::nullopt;
    if (!prediction) break;
    return fmt::format("  limit: {}\n  instructions {:.1f} us, memory {:.1f} us, outer cache {:.1f} us\n",
                       prediction->limit, prediction->compute_seconds * 1e6, prediction->memory_seconds * 1e6,
                       prediction->cache_seconds * 1e6);
  }
  return std::string();
}

std::string impossible_text(const ir::Problem& problem, const targets::Target& target) {
  std::map<std::string, std::vector<std::string>> reasons;
  for (const kernels::Refusal& refusal : kernels::default_space(problem, target).refused)
    reasons[refusal.reason].push_back(print(refusal.recipe));
  std::string text;
  for (const auto& [reason, recipes] : reasons)
    text += fmt::format("  {}: {}\n", reason, fmt::join(recipes, ", "));
  return text.empty() ? text : "\nnot possible on this CPU:\n" + text;
}

Expected<int> why(const WhyFlags& flags) {
  TERN_ASSIGN(const ir::Problem shape, parse_shape(flags.shape));
  const Expected<targets::Host>& host = targets::detect_host();
  TERN_TRY(host);
  const autotune::Provenance provenance = autotune::provenance_of(*host);
  const fs::path file =
      flags.database.empty() ? autotune::database_file(provenance) : fs::path(flags.database);
  std::vector<std::string> warnings;
  TERN_ASSIGN(const autotune::Database database, autotune::load_database(file, provenance, warnings));
  std::ranges::for_each(warnings, print_warning);

  TERN_ASSIGN(const std::unique_ptr<ThreadPool> pool,
              runtime::make_bound_threads(runtime::default_threads()));
  TERN_ASSIGN(const double bandwidth, runtime::read_bandwidth(*pool, runtime::VectorLevel::best));
  std::string text;
  for (const autotune::Choice& choice : database.choices) {
    ir::Problem problem = choice.kernels[0].problem;
    if (problem.n != shape.n || problem.k != shape.k) continue;
    text += fmt::format(
        "{} on {} threads, for target {}, {} ({})\n", runtime::shape_text(problem), choice.conditions.threads,
        choice.conditions.target, choice.date,
        choice.complete ? "the search came to its end" : "the search was cut short: `tern tune` goes on");
    TERN_ASSIGN(autotune::CostModel model,
                autotune::CostModel::make(host->target, {choice.conditions.threads, bandwidth, 3e9}, 1));
    for (size_t b = 0; b < choice.kernels.size(); ++b) {
      problem.m = choice.kernels[b].problem.m;
      const std::vector<const Record*> records = records_of(database, problem, choice.conditions);
      text += winner_text(choice, b, records);
      TERN_ASSIGN(const std::string limits, limits_text(choice, records, host->target, model, b));
      text += limits + others_text(choice, b, records, flags.shown);
    }
    problem.m = 1;
    text += impossible_text(problem, host->target);
  }
  if (text.empty())
    return Error{fmt::format("nothing was tuned for {} on this CPU: `tern tune --shape {}` does it",
                             flags.shape, flags.shape),
                 {file, 0, 0}};
  return write_output("", text);
}

}  // namespace

void add_why(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<WhyFlags>();
  CLI::App* command = app.add_subcommand("why", "Say why a matrix shape has the kernels that it has");
  command->add_option("shape", flags->shape, "Outputs x inputs, such as 2560x6912")->required();
  command->add_option("--database", flags->database, "File of records (default: see `tern db list`)");
  command->add_option("-n,--shown", flags->shown, "How many others to show")->capture_default_str();
  command->callback([flags, &exit_code] {
    const Expected<int> code = why(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools

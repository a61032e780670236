#include "tools/tune/tune_predict.h"

#include <fmt/format.h>
#include <unistd.h>

#include <set>

#include "autotune/offline/predict.h"
#include "autotune/records/database_file.h"
#include "runtime/session/machine_threads.h"
#include "runtime/session/tune_tasks.h"
#include "targets/host.h"
#include "tools/options/exit_code.h"
#include "tools/options/model_options.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

std::string row_text(const autotune::PredictedShape& shape, size_t b) {
  const autotune::PredictedBucket& bucket = shape.buckets[b];
  const autotune::PredictedCandidate& chosen = bucket.candidates[shape.chosen[b]];
  const double default_seconds = bucket.default_seconds, seconds = chosen.prediction.seconds;
  return fmt::format("| {:<18} | {:>4} | {:>9.1f} us | {:>9.1f} us | {:>7.2f}x | {:<24} | {}\n",
                     b == 0 ? runtime::shape_text(shape.problem) : "", bucket.demand.m, default_seconds * 1e6,
                     seconds * 1e6, default_seconds / seconds, print(chosen.candidate.recipe),
                     chosen.prediction.limit);
}

// The prediction for each recipe with the best of the knobs that were predicted.
std::string explained(const autotune::PredictedShape& shape) {
  std::string text;
  for (const autotune::PredictedBucket& bucket : shape.buckets) {
    text += fmt::format("\n{}, {} rows, by recipe\n", runtime::shape_text(shape.problem), bucket.demand.m);
    std::set<std::string> told;
    for (const autotune::PredictedCandidate& one : bucket.candidates) {
      if (!told.insert(print(one.candidate.recipe)).second) continue;
      text += fmt::format("{:>4}. {:>9.1f} us  {}; limit: {}\n", told.size(), one.prediction.seconds * 1e6,
                          print(one.candidate), one.prediction.limit);
    }
  }
  return text;
}

}  // namespace

Expected<int> predict(const std::vector<autotune::TuneTask>& tasks, const std::string& target_name,
                      int threads, const std::string& database, bool explain) {
  const Expected<targets::Target> target = targets::find_target(target_name);
  if (!target) return target.error();
  TERN_ASSIGN(const std::unique_ptr<ThreadPool> pool,
              runtime::make_bound_threads(runtime::default_threads()));
  autotune::Machine machine = autotune::described_machine(*target, threads);
  Expected<autotune::CostModel> model =
      autotune::CostModel::make(*target, machine, static_cast<int>(pool->threads()));
  if (!model) return model.error();
  const autotune::Conditions conditions{target->name, threads};
  const autotune::Provenance provenance = autotune::provenance_of(*target);
  const fs::path file = database.empty() ? autotune::database_file(provenance) : fs::path(database);

  catch_interrupts();
  std::string text =
      fmt::format("predicted for {} ({} threads, {:.0f} GB/s, {:.1f} GHz); nothing was measured\n\n",
                  target->name, threads, machine.bytes_per_second / 1e9, machine.hertz / 1e9);
  text +=
      "| shape              | rows |      default |         best | speed-up | kernel                   | "
      "limit\n";
  text +=
      "| ------------------ | ---: | -----------: | -----------: | -------: | ------------------------ | "
      "-----\n";
  std::string reasons;
  for (const autotune::TuneTask& task : tasks) {
    if (interrupted()) break;
    if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\x1b[K{} ...", runtime::shape_text(task.problem));
    const autotune::PredictedShape shape = autotune::predict_shape(
        task.problem, task.demands, *target, *model, *pool, [] { return interrupted(); });
    if (shape.chosen.empty()) continue;
    const Status kept = autotune::update_database(file, provenance, [&](autotune::Database& records) {
      autotune::Database found;
      found.provenance = provenance;
      found.records = records_of(shape, conditions);
      found.choices = {choice_of(shape, conditions)};
      merge(records, found);
    });
    if (!kept) return kept.error();
    for (size_t b = 0; b < shape.buckets.size(); ++b) text += row_text(shape, b);
    if (explain) reasons += explained(shape);
  }
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\x1b[K");
  text += reasons + fmt::format("\nrecords: {}\n", file.string());
  const int written = write_output("", text);
  return interrupted() ? exit_interrupted : written;
}

}  // namespace tern::tools

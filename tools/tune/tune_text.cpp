#include "tools/tune/tune_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "autotune/search/model_quality.h"
#include "kernels/default_kernel.h"
#include "runtime/session/tune_tasks.h"
#include "tools/tune/tune_charts.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

using autotune::Bucket;
using autotune::Evaluation;
using autotune::ShapeOutcome;

std::string time_text(double seconds) {
  return seconds < 1e-3 ? fmt::format("{:.1f} us", seconds * 1e6) : fmt::format("{:.2f} ms", seconds * 1e3);
}

std::string row_text(const ShapeOutcome& shape, size_t b, const autotune::Machine& machine) {
  const ir::Kernel& kernel = shape.choice.kernels[b];
  const double seconds = shape.choice.seconds[b], ratio = shape.choice.ratios[b];
  const double from_memory = weight_bytes(kernel) / machine.bytes_per_second / seconds;
  std::string what = "(known)";
  if (!shape.known())
    what = print(shape.search->buckets()[b].evaluations[shape.layouts[0].evaluations[b]].candidate.recipe);
  return fmt::format("| {:<18} | {:>4} | {:>10} | {:>10} | {:>7.2f}x | {:>8.0f}% | {:<22} |\n",
                     b == 0 ? runtime::shape_text(shape.task.problem) : "", kernel.problem.m,
                     time_text(seconds / ratio), time_text(seconds), 1 / ratio, 100 * from_memory, what);
}

// The chosen kernel of one number of rows and the next best.
std::string explanation(const ShapeOutcome& shape, size_t b, double bytes_per_second) {
  const Bucket& bucket = shape.search->buckets()[b];
  const size_t winner = shape.layouts[0].evaluations[b];
  const Evaluation& best = bucket.evaluations[winner];
  std::string text = fmt::format("\n{}, {} rows: {}\n", runtime::shape_text(shape.task.problem),
                                 bucket.demand.m, print(best.candidate));
  text += fmt::format("  layout {}\n", print(best.candidate.kernel.weights));
  const Estimate ratio = best.ratio;
  text += fmt::format("  {}, {:.3f} +- {:.3f} of the default kernel's time, {} rounds\n",
                      time_text(best.seconds(bucket.default_seconds)), ratio.value, ratio.error, ratio.count);
  const autotune::CallCost cost = bucket.cost(best);
  text += fmt::format("  {} with weights from cache; memory takes {} for its {:.2f} MB at {:.1f} GB/s\n",
                      time_text(cost.cache_seconds), time_text(cost.weight_bytes / bytes_per_second),
                      cost.weight_bytes / 1e6, bytes_per_second / 1e9);
  if (best.prediction)
    text += fmt::format(
        "  limit: {}; predicted {}{}\n", best.prediction->limit, time_text(best.prediction->seconds),
        best.prediction->stack_accesses > 0
            ? fmt::format(", {} stack accesses in the inner loop", best.prediction->stack_accesses)
            : "");
  std::vector<size_t> order;
  for (size_t i = 0; i < bucket.evaluations.size(); ++i) {
    if (i != winner && bucket.evaluations[i].measured()) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](size_t i) { return bucket.evaluations[i].ratio.value; });
  constexpr size_t shown = 5;
  for (size_t i = 0; i < std::min(order.size(), shown); ++i) {
    const Evaluation& evaluation = bucket.evaluations[order[i]];
    const Estimate own = evaluation.ratio;
    text += fmt::format(
        "  {} {:.3f} +- {:.3f} ({:+.1f} %)  {}\n",
        kernels::same_layouts(evaluation.candidate.kernel, best.candidate.kernel) ? "same layout "
                                                                                  : "other layout",
        own.value, own.error, 100 * (own.value / ratio.value - 1), print(evaluation.candidate));
  }
  for (const Evaluation& evaluation : bucket.evaluations) {
    if (!evaluation.refused.empty())
      text += fmt::format("  refused: {}: {}\n", print(evaluation.candidate), evaluation.refused);
  }
  return text;
}

std::string quality_text(const autotune::TuneResult& result) {
  std::vector<const autotune::ShapeSearch*> searches;
  for (const ShapeOutcome& shape : result.shapes) {
    if (!shape.known()) searches.push_back(shape.search.get());
  }
  std::string rows;
  for (const autotune::ModelQuality& row : model_quality(searches)) {
    if (row.count > 0)
      rows += fmt::format("  {:<15} {:>8} {:>17.2f} {:>23.0f} % {:>14.1f}x\n", row.kernels, row.count,
                          row.rank_correlation, 100 * row.top_ten, row.worst_factor);
  }
  if (rows.empty()) return {};
  return "\nthe cost model     kernels  rank correlation  best among its first ten  off by at most\n" + rows;
}

}  // namespace

std::string space_text(const autotune::TuneTask& task, const targets::Target& target) {
  std::string text;
  for (const autotune::Demand& demand : task.demands) {
    ir::Problem problem = task.problem;
    problem.m = demand.m;
    const kernels::Space space = kernels::make_space(problem, target);
    std::map<std::string, size_t> by_recipe;
    for (const kernels::Candidate& candidate : space.candidates) ++by_recipe[print(candidate.recipe)];
    text += fmt::format("{}, {} row{}: {} candidates of {} recipes, {} refused\n",
                        runtime::shape_text(problem), demand.m, demand.m == 1 ? "" : "s",
                        space.candidates.size(), by_recipe.size(), space.refused.size());
    for (const auto& [recipe, count] : by_recipe) text += fmt::format("  {:>7}  {}\n", count, recipe);
    std::map<std::string, size_t> reasons;
    for (const kernels::Refusal& refusal : space.refused) ++reasons[refusal.reason];
    for (const auto& [reason, count] : reasons) text += fmt::format("  {:>7}  refused: {}\n", count, reason);
  }
  return text;
}

std::string sample_text(const autotune::TuneResult& result, const std::string& file) {
  size_t tried = 0, measured = 0;
  std::map<std::string, size_t> reasons;
  for (const ShapeOutcome& shape : result.shapes) {
    if (shape.known()) continue;
    tried += shape.seen;
    measured += shape.measured;
    for (const Bucket& bucket : shape.search->buckets()) {
      for (const Evaluation& evaluation : bucket.evaluations) {
        if (!evaluation.refused.empty()) ++reasons[evaluation.refused];
      }
    }
  }
  std::string text =
      fmt::format("{} random candidates and default kernels, {} of them measured, in {:.1f} s\n", tried,
                  measured, result.seconds);
  for (const auto& [reason, count] : reasons) text += fmt::format("  {:>5}  refused: {}\n", count, reason);
  text += quality_text(result);
  text += fmt::format("\nrecords: {}\n", file);
  return text;
}

std::string result_text(const autotune::TuneResult& result, const autotune::Machine& machine,
                        const std::string& file, bool explain) {
  std::string text;
  text +=
      "| shape              | rows |    default |      tuned | speed-up | of memory | kernel                 "
      "|\n";
  text +=
      "| ------------------ | ---: | ---------: | ---------: | -------: | --------: | ---------------------- "
      "|\n";
  size_t seen = 0, compiled = 0, measured = 0, ended = 0;
  for (const ShapeOutcome& shape : result.shapes) {
    for (size_t b = 0; b < shape.choice.kernels.size(); ++b) text += row_text(shape, b, machine);
    seen += shape.seen;
    compiled += shape.compiled;
    measured += shape.measured;
    ended += shape.choice.complete;
  }
  text += fmt::format(
      "\n{:.1f} s on {} threads; candidates: {} tried, {} compiled and right, {} measured; {} of {} searches "
      "came to their end\n",
      result.seconds, machine.threads, seen, compiled, measured, ended, result.shapes.size());
  text += fmt::format("noise: one and the same kernel differs from itself by {:.1f} % from round to round\n",
                      100 * result.noise);
  if (result.noisy_races > 0)
    text += fmt::format("in {} of {} races it was more than 10 %, too much to tell close kernels apart{}\n",
                        result.noisy_races, result.races,
                        2 * result.noisy_races > result.races ? "; is the machine busy?" : "");
  text += quality_text(result);
  if (explain) {
    for (const ShapeOutcome& shape : result.shapes) {
      if (shape.known() || shape.layouts.empty()) continue;
      for (size_t b = 0; b < shape.search->buckets().size(); ++b)
        text += explanation(shape, b, result.bytes_per_second);
    }
  }
  text += fmt::format("\nrecords: {}\n", file);
  return text;
}

}  // namespace tern::tools

#include "tools/db/db_race_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/session/tune_tasks.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

using autotune::ChoiceEntry;
using autotune::ChoiceRaceResult;

std::string ratio_text(const std::optional<ChoiceEntry>& entry) {
  if (!entry) return "-";
  if (!entry->refused.empty()) return "refused";
  const Estimate& ratio = entry->ratio;
  // Fewer than three rounds know no error.
  const std::string error = std::isfinite(ratio.error) ? fmt::format("{:.3f}", ratio.error) : "?";
  return entry->kernel == 0 ? "the default" : fmt::format("{:.3f} +- {}", ratio.value, error);
}

// All that were timed.
bool have_one_kernel(const ChoiceRaceResult& result) {
  std::optional<size_t> kernel;
  for (const std::optional<ChoiceEntry>& entry : result.entries) {
    if (!entry || !entry->refused.empty()) continue;
    if (kernel.value_or(entry->kernel) != entry->kernel) return false;
    kernel = entry->kernel;
  }
  return true;
}

std::string difference_text(const ChoiceRaceResult& result) {
  if (!result.difference) return "-";
  if (have_one_kernel(result)) return "same kernel";
  return autotune::is_clear(*result.difference) ? fmt::format("{:.1f} %", 100 * result.difference->value)
                                                : "none clear";
}

std::string heading(const RaceSetting& setting) {
  std::string text;
  std::string titles = fmt::format("| {:<18} | {:>4} | {:>13} |", "shape", "rows", "default"),
              line = fmt::format("| {:-<18} | {:->4} | {:->13} |", "", ":", ":");
  for (size_t i = 0; i < setting.files.size(); ++i) {
    text += fmt::format("file {}: {}\n", i + 1, setting.files[i]);
    titles += fmt::format(" {:>15} |", fmt::format("file {}", i + 1));
    line += fmt::format(" {:->15} |", ":");
  }
  text += fmt::format(
      "times of the default kernel, and of others over its time in the same round; {} rounds, {} "
      "thread{}\n",
      setting.rounds, setting.threads, setting.threads == 1 ? "" : "s");
  return text + fmt::format("\n{} {:>11} |\n{} {:->11} |\n", titles, "difference", line, ":");
}

std::string row_text(const ChoiceRaceResult& result, bool is_first_of_shape) {
  std::string text = fmt::format("| {:<18} | {:>4} | {:>10.1f} us |",
                                 is_first_of_shape ? runtime::shape_text(result.problem) : "",
                                 result.problem.m, 1e6 * result.default_seconds);
  for (const std::optional<ChoiceEntry>& entry : result.entries)
    text += fmt::format(" {:>15} |", ratio_text(entry));
  return text + fmt::format(" {:>11} |\n", difference_text(result));
}

std::string refusals(const ChoiceRaceResult& result) {
  std::string text;
  for (size_t i = 0; i < result.entries.size(); ++i) {
    const std::optional<ChoiceEntry>& entry = result.entries[i];
    if (entry && !entry->refused.empty())
      text += fmt::format("refused: {}, file {}: {}\n", race_title(result.problem), i + 1, entry->refused);
  }
  return text;
}

std::string last_line(std::span<const ChoiceRaceResult> results) {
  if (std::ranges::none_of(results,
                           [](const ChoiceRaceResult& result) { return result.difference.has_value(); }))
    return "nothing to compare: no two files have kernels for one problem that could be timed\n";
  const ChoiceRaceResult* largest = nullptr;
  for (const ChoiceRaceResult& result : results) {
    if (result.difference && autotune::is_clear(*result.difference) &&
        (!largest || result.difference->value > largest->difference->value))
      largest = &result;
  }
  if (!largest) return "no clear difference\n";
  return fmt::format("largest clear difference: {:.1f} % ({})\n", 100 * largest->difference->value,
                     race_title(largest->problem));
}

}  // namespace

std::string race_title(const ir::Problem& problem) {
  return fmt::format("{}, {} row{}", runtime::shape_text(problem), problem.m, problem.m == 1 ? "" : "s");
}

std::string race_text(std::span<const ChoiceRaceResult> results, const RaceSetting& setting) {
  if (results.empty()) return "ended before anything was timed\n";
  std::string text = heading(setting);
  for (size_t i = 0; i < results.size(); ++i)
    text += row_text(results[i], i == 0 || !same_shape(results[i - 1].problem, results[i].problem));
  text += "\n";
  for (const ChoiceRaceResult& result : results) text += refusals(result);
  if (results.size() < setting.races || results.back().rounds < setting.rounds)
    text += fmt::format("ended early: {} of {} problems were timed, the last in {} rounds\n", results.size(),
                        setting.races, results.back().rounds);
  return text + last_line(results);
}

}  // namespace tern::tools

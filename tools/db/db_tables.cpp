#include "tools/db/db_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace tern::tools {
namespace {

using autotune::Choice;
using autotune::Conditions;
using autotune::Database;
using autotune::Record;
using autotune::Timing;

std::string day(const std::string& date) {
  return date.substr(0, 10);
}

std::string time(double seconds) {
  return fmt::format("{:.1f} us", seconds * 1e6);
}

std::string count(size_t number, std::string_view of) {
  return fmt::format("{} {}{}", number, of, number == 1 ? "" : "s");
}

std::string print(const Conditions& conditions) {
  return fmt::format("target {}, {}", conditions.target,
                     count(static_cast<size_t>(conditions.threads), "thread"));
}

// "trit 2560x6912": weights of n outputs by k inputs.
std::string shape(const ir::Problem& problem) {
  std::string text = fmt::format("{} {}x{}", name(problem.w.element), problem.n, problem.k);
  if (problem.w.group > 0) text += fmt::format(", a scale every {}", problem.w.group);
  return text;
}

std::string choice_table(const Choice& choice, const DatabaseFilter& filter) {
  std::string text = fmt::format("choice for {}, {}: {}{}, {}\n", shape(choice.kernels.front().problem),
                                 print(choice.conditions), choice.predicted ? "predicted" : "measured",
                                 choice.complete ? "" : ", the search was cut short", day(choice.date));
  text += fmt::format("  layout {}\n", print(choice.kernels.front().weights));
  text += fmt::format("  {:>6} {:>14} {:>12}  {}\n", "m", "time", "of default", "strategy");
  for (size_t i = 0; i < choice.kernels.size(); ++i) {
    const ir::Kernel& kernel = choice.kernels[i];
    if (!filter.m || *filter.m == kernel.problem.m)
      text += fmt::format("  {:>6} {:>14} {:>12.3f}  {}\n", kernel.problem.m, time(choice.seconds[i]),
                          choice.ratios[i], name(kernel.strategy()));
  }
  return text + "\n";
}

constexpr const char* candidate_row = "  {:>14} {:>14} {:>8} {:>7}  {:<10}  {:<16}  {}\n";

std::string row(const Record& record) {
  const std::string kernel = fmt::format("{:016x}", hash(record.kernel));
  if (!record.refused.empty())
    return fmt::format(candidate_row, "", "", "", "", "", kernel,
                       record.recipe + "; refused: " + record.refused);
  if (record.timings.empty())
    return fmt::format(candidate_row, time(record.predicted_seconds), "", "", "", "predicted", kernel,
                       record.recipe);
  const Timing& last = record.timings.back();
  return fmt::format(
      candidate_row, time(last.seconds), fmt::format("{:.3f} +- {:.3f}", last.ratio, last.error),
      fmt::format("{:.1f} %", 100 * last.spread), last.rounds, day(last.date), kernel, record.recipe);
}

// Timed ones first, then predicted ones, then refused ones. Ratios compare better than times,
// which were measured on other days.
std::tuple<int, double> rank(const Record& record) {
  if (!record.refused.empty()) return {2, 0};
  return record.timings.empty() ? std::tuple(1, record.predicted_seconds)
                                : std::tuple(0, record.timings.back().ratio);
}

std::string candidates_table(std::vector<const Record*> records, size_t most) {
  std::ranges::stable_sort(records, {}, [](const Record* record) { return rank(*record); });
  const Record& first = *records.front();
  std::string text = fmt::format("candidates for {}, m={}, {}: {}\n", shape(first.kernel.problem),
                                 first.kernel.problem.m, print(first.conditions), records.size());
  text +=
      fmt::format(candidate_row, "time", "of default", "spread", "rounds", "last timed", "kernel", "recipe");
  for (size_t i = 0; i < std::min(most, records.size()); ++i) text += row(*records[i]);
  return text + "\n";
}

}  // namespace

bool DatabaseFilter::contains(const ir::Problem& problem) const {
  return (!n || *n == problem.n) && (!k || *k == problem.k) && (!m || *m == problem.m);
}

std::string summary(const Database& database) {
  size_t timings = 0;
  std::string first, last;
  const auto date = [&](const std::string& text) {
    if (first.empty() || text < first) first = text;
    last = std::max(last, text);
  };
  for (const Choice& choice : database.choices) date(choice.date);
  for (const Record& record : database.records) {
    timings += record.timings.size();
    for (const Timing& timing : record.timings) date(timing.date);
  }
  std::string text = fmt::format("{}, {}, {}", count(database.choices.size(), "choice"),
                                 count(database.records.size(), "kernel"), count(timings, "timing"));
  if (!last.empty()) text += fmt::format(", {} to {}", day(first), day(last));
  return text +
         fmt::format("; LLVM {}, generator {}", database.provenance.llvm, database.provenance.generator);
}

std::string table(const Database& database, const DatabaseFilter& filter) {
  std::string text =
      fmt::format("{}, {} cores, vectors of {} bits: {}\n\n", database.provenance.cpu,
                  database.provenance.cores, database.provenance.vector_bits, summary(database));
  DatabaseFilter any_rows = filter;
  any_rows.m.reset();
  for (const Choice& choice : database.choices) {
    if (any_rows.contains(choice.kernels.front().problem)) text += choice_table(choice, filter);
  }
  for (const autotune::ThreadChoice& threads : database.threads)
    text += fmt::format("threads for {}: {} to decode, {} to prefill, for least {}, {}\n\n", threads.model,
                        threads.decode_threads, threads.prefill_threads, name(threads.objective),
                        day(threads.date));
  std::map<std::string, std::vector<const Record*>> by_problem;
  for (const Record& record : database.records) {
    const ir::Problem& problem = record.kernel.problem;
    if (filter.contains(problem))
      by_problem[fmt::format("{} {:8} {}", shape(problem), problem.m, print(record.conditions))].push_back(
          &record);
  }
  for (const auto& [key, records] : by_problem) text += candidates_table(records, filter.candidates);
  return text;
}

}  // namespace tern::tools

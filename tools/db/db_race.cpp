#include "tools/db/db_race.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "autotune/search/choice_race.h"
#include "runtime/session/machine_threads.h"
#include "runtime/session/tuned_kernels.h"
#include "targets/host.h"
#include "tools/db/db_race_text.h"
#include "tools/options/exit_code.h"
#include "tools/options/model_options.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"
#include "tools/options/target_option.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

using autotune::Choice;
using autotune::ChoiceRace;
using autotune::Conditions;
using autotune::Database;

struct DbRaceFlags {
  std::vector<std::string> files, shapes;
  std::string target = "host";
  size_t threads = 0;
  int rounds = 40;
};

std::string print(const Conditions& conditions) {
  return fmt::format("target {} and {} thread{}", conditions.target, conditions.threads,
                     conditions.threads == 1 ? "" : "s");
}

// A file without a choice for the conditions would be a column of nothing.
Status check_has_choices(const std::string& file, const Database& database, const Conditions& conditions) {
  std::vector<std::string> others;
  for (const Choice& choice : database.choices) {
    if (choice.conditions == conditions) return {};
    const std::string text = print(choice.conditions);
    if (std::ranges::find(others, text) == others.end()) others.push_back(text);
  }
  return Error{fmt::format("has no choice for {}{}", print(conditions),
                           others.empty() ? "" : fmt::format(", but for {}", fmt::join(others, ", for "))),
               {file, 0, 0}};
}

Expected<std::vector<Database>> load_all(const std::vector<std::string>& files,
                                         const autotune::Provenance& machine, const Conditions& conditions) {
  std::vector<Database> databases;
  for (const std::string& file : files) {
    Expected<Database> database = runtime::load_named(file, machine, print_warning);
    if (!database) return database.error();
    const Status has_choices = check_has_choices(file, *database, conditions);
    if (!has_choices) return has_choices.error();
    databases.push_back(database.take());
  }
  return databases;
}

// The races for the named shapes, each of which must have one; all races if none is named.
Expected<std::vector<ChoiceRace>> select(std::vector<ChoiceRace> races,
                                         const std::vector<std::string>& shapes) {
  if (shapes.empty()) return races;
  std::vector<ChoiceRace> selected;
  for (const std::string& text : shapes) {
    const Expected<ir::Problem> shape = parse_shape(text);
    if (!shape) return Error{fmt::format("--shape: {}", shape.error().message), {}};
    const auto is_of_it = [&](const ChoiceRace& race) {
      return race.problem.n == shape->n && race.problem.k == shape->k;
    };
    if (std::ranges::none_of(races, is_of_it) && std::ranges::none_of(selected, is_of_it))
      return Error{fmt::format("--shape: no file has a choice for {}", text), {}};
    std::ranges::copy_if(races, std::back_inserter(selected), is_of_it);
    std::erase_if(races, is_of_it);
  }
  return selected;
}

// One line on standard error that is written again and again, if that is a terminal.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (is_terminal_) fmt::print(stderr, "\r\x1b[K");
  }
  void show(const std::vector<ChoiceRace>& races, size_t now, int round, int rounds) const {
    if (!is_terminal_) return;
    fmt::print(stderr, "\r\x1b[K{} ({} of {}): round {} of {}", race_title(races[now].problem), now + 1,
               races.size(), round + 1, rounds);
    std::fflush(stderr);
  }

 private:
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
};

bool any_refused(const std::vector<autotune::ChoiceRaceResult>& results) {
  return std::ranges::any_of(results, [](const autotune::ChoiceRaceResult& result) {
    return std::ranges::any_of(result.entries, [](const std::optional<autotune::ChoiceEntry>& entry) {
      return entry && !entry->refused.empty();
    });
  });
}

Expected<std::vector<autotune::ChoiceRaceResult>> run_races(const std::vector<ChoiceRace>& races, int rounds,
                                                            const targets::Target& target, size_t threads) {
  TERN_ASSIGN(const std::unique_ptr<ThreadPool> pool, runtime::make_bound_threads(threads));
  const ProgressLine line;
  return autotune::race_choices(
      races, rounds, target, *pool,
      {[&](size_t now, int round) { line.show(races, now, round, rounds); }, interrupted});
}

Expected<int> race(const DbRaceFlags& flags) {
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  const Expected<targets::Target> target = targets::find_runnable_target(flags.target);
  if (!target) return target.error();
  const size_t threads = flags.threads == 0 ? runtime::default_threads() : flags.threads;
  const Conditions conditions{flags.target, static_cast<int>(threads)};
  const Expected<std::vector<Database>> databases =
      load_all(flags.files, autotune::provenance_of(*host), conditions);
  if (!databases) return databases.error();
  const Expected<std::vector<ChoiceRace>> races =
      select(choice_races_of(*databases, conditions), flags.shapes);
  if (!races) return races.error();
  catch_interrupts();
  const Expected<std::vector<autotune::ChoiceRaceResult>> results =
      run_races(*races, flags.rounds, *target, threads);
  if (!results) return results.error();
  const int written =
      write_output("", race_text(*results, {flags.files, conditions.threads, flags.rounds, races->size()}));
  if (interrupted()) return exit_interrupted;
  return any_refused(*results) ? exit_failed : written;
}

}  // namespace

void add_db_race(CLI::App& db, int& exit_code) {
  const auto flags = std::make_shared<DbRaceFlags>();
  CLI::App* command =
      db.add_subcommand("race", "Time the choices of several files for this machine against each other");
  command->add_option("files", flags->files, "Databases whose kernels are timed, two or more")
      ->required()
      ->expected(2, CLI::detail::expected_max_vector_size);
  command
      ->add_option("--shape", flags->shapes,
                   "Only this shape of weights, outputs by inputs, such as 2560x6912; may be repeated")
      ->allow_extra_args(false);  // files come next
  command
      ->add_option("-t,--threads", flags->threads,
                   "Threads that share each kernel, for which it was chosen (default: one a core)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--rounds", flags->rounds, "How often each kernel is timed")
      ->check(CLI::Range(3, 100000))
      ->capture_default_str();
  add_target_option(*command, flags->target);
  command->footer(
      "Each kernel is first checked bit by bit; one that is wrong is not timed, and the exit code is 1. "
      "Ctrl-C\n"
      "ends it after a round, and shows what is there.");
  command->callback([flags, &exit_code] {
    const Expected<int> code = race(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools

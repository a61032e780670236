#include "tools/options/record_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "autotune/records/database_file.h"
#include "kernels/default_kernel.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

void warn(const std::string& text) {
  fmt::print(stderr, "tern: warning: {}\n", text);
}

// The machine's own file is a help that nobody asked for: without it, kernels are slower but as right.
autotune::Database load_own(const fs::path& file, const autotune::Provenance& machine) {
  std::vector<std::string> warnings;
  Expected<autotune::Database> database = autotune::load_choices(file, machine, warnings);
  if (!database) warnings.push_back(database.error().text());
  std::ranges::for_each(warnings, warn);
  return database ? database.take() : autotune::Database{machine, {}, {}, {}};
}

}  // namespace

Expected<autotune::Database> load_named(const fs::path& file, const autotune::Provenance& machine) {
  std::error_code problem;
  if (!fs::exists(file, problem)) return Error{"no such database", {file.string(), 0, 0}};
  std::vector<std::string> warnings;
  Expected<autotune::Database> database = autotune::load_choices(file, machine, warnings);
  std::ranges::for_each(warnings, warn);
  return database;
}

void add_record_options(CLI::App& command, RecordFlags& flags) {
  CLI::Option* database = command.add_option(
      "--database", flags.database,
      "File of tuned kernels (default: this machine's in $TERN_DATABASE or ~/.local/share/tern/kernels)");
  command.add_flag("--untuned", flags.untuned, "Use no tuned kernels, but the defaults")->excludes(database);
}

Expected<TunedKernels> load_tuned(const RecordFlags& flags, const autotune::Provenance& machine,
                                  const targets::Target& target, int threads) {
  TunedKernels tuned{target, threads, {machine, {}, {}, {}}};
  if (flags.untuned) return tuned;
  if (flags.database.empty()) {
    tuned.file = autotune::database_file(machine);
    tuned.database = load_own(tuned.file, machine);
    return tuned;
  }
  tuned.file = flags.database;
  Expected<autotune::Database> database = load_named(tuned.file, machine);
  if (!database) return database.error();
  tuned.database = database.take();
  return tuned;
}

Expected<autotune::Provenance> machine_of(std::string_view name, const targets::Target& target) {
  if (name != "host") return autotune::provenance_of(target);
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  return autotune::provenance_of(*host);
}

ir::Kernel choose_kernel(const TunedKernels& tuned, const ir::Problem& problem) {
  const std::optional<ir::Kernel> found = find_kernel(tuned.database, problem, tuned.target, tuned.threads);
  return found ? *found : kernels::default_kernel(problem, tuned.target);
}

runtime::KernelChoice kernel_choice(TunedKernels tuned) {
  return [tuned = std::move(tuned)](const ir::Problem& problem) { return choose_kernel(tuned, problem); };
}

std::string describe(const TunedKernels& tuned, std::span<const ir::Kernel> kernels) {
  const auto is_tuned = [&](const ir::Kernel& kernel) {
    return find_kernel(tuned.database, kernel.problem, tuned.target, tuned.threads) == kernel;
  };
  const auto count = std::ranges::count_if(kernels, is_tuned);
  if (count == 0) return fmt::format("{} default", kernels.size());
  std::string date;
  for (const autotune::Choice& choice : tuned.database.choices) date = std::max(date, choice.date);
  std::string text = fmt::format("{} tuned ({}, {})", count, tuned.file.string(), date.substr(0, 10));
  const size_t others = kernels.size() - static_cast<size_t>(count);
  if (others > 0) text += fmt::format(", {} default", others);
  return text;
}

}  // namespace tern::tools

#include "runtime/session/tuned_kernels.h"

#include <fmt/format.h>

#include <algorithm>

#include "autotune/records/database_file.h"
#include "kernels/default_kernel.h"
#include "targets/host.h"

namespace tern::runtime {
namespace {

namespace fs = std::filesystem;

void warn_of(const std::vector<std::string>& texts, const Warn& warn) {
  if (warn) std::ranges::for_each(texts, warn);
}

// The machine's own file was not asked for by the user, so that a fault in it is a warning, not an error.
autotune::Database load_own(const fs::path& file, const autotune::Provenance& machine, const Warn& warn) {
  std::vector<std::string> warnings;
  Expected<autotune::Database> database = autotune::load_choices(file, machine, warnings);
  if (!database) warnings.push_back(database.error().text());
  warn_of(warnings, warn);
  return database ? database.take() : autotune::Database{machine, {}, {}, {}};
}

}  // namespace

fs::path tuned_file(const std::string& named, const autotune::Provenance& machine) {
  return named.empty() ? autotune::database_file(machine) : fs::path(named);
}

Expected<autotune::Database> load_named(const fs::path& file, const autotune::Provenance& machine,
                                        const Warn& warn) {
  std::error_code problem;
  if (!fs::exists(file, problem)) return Error{"no such database", {file.string(), 0, 0}};
  std::vector<std::string> warnings;
  Expected<autotune::Database> database = autotune::load_choices(file, machine, warnings);
  warn_of(warnings, warn);
  return database;
}

Expected<TunedKernels> load_tuned(const RecordOptions& options, const autotune::Provenance& machine,
                                  const targets::Target& target, int threads, const Warn& warn) {
  TunedKernels tuned{target, threads, {machine, {}, {}, {}}};
  if (options.untuned) return tuned;
  tuned.file = tuned_file(options.database, machine);
  if (options.database.empty()) {
    tuned.database = load_own(tuned.file, machine, warn);
    return tuned;
  }
  TERN_ASSIGN(tuned.database, load_named(tuned.file, machine, warn));
  return tuned;
}

Expected<autotune::Provenance> machine_of(std::string_view name, const targets::Target& target) {
  if (name != "host") return autotune::provenance_of(target);
  TERN_ASSIGN(const targets::Host host, targets::detect_host());
  return autotune::provenance_of(host);
}

ir::Kernel choose_kernel(const TunedKernels& tuned, const ir::Problem& problem) {
  const std::optional<ir::Kernel> found = find_kernel(tuned.database, problem, tuned.target, tuned.threads);
  return found ? *found : kernels::default_kernel(problem, tuned.target);
}

KernelChoice kernel_choice(TunedKernels tuned) {
  return [tuned = std::move(tuned)](const ir::Problem& problem) { return choose_kernel(tuned, problem); };
}

std::string describe(const TunedKernels& tuned, std::span<const ir::Kernel> kernels) {
  size_t count = 0, resized = 0;
  for (ir::Kernel kernel : kernels) {
    kernel.epilogue = ir::Epilogue::plain;  // kernels are tuned without what the graph lets them end with
    const auto found = find_choice_kernel(tuned.database, kernel.problem, tuned.target, tuned.threads);
    if (!found || hash(found->kernel) != hash(kernel)) continue;
    ++count;
    resized += found->measured_rows != kernel.problem.m;
  }
  if (count == 0) return fmt::format("{} default", kernels.size());
  std::string date;
  for (const autotune::Choice& choice : tuned.database.choices) date = std::max(date, choice.date);
  std::string text = fmt::format("{} tuned ({}, {}", count, tuned.file.string(), date.substr(0, 10));
  if (resized > 0) text += fmt::format("; {} by the record of another number of rows", resized);
  text += ")";
  const size_t others = kernels.size() - count;
  if (others > 0) text += fmt::format(", {} default", others);
  return text;
}

}  // namespace tern::runtime

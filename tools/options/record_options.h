// Tuned kernels for commands: the options that say which records count, and the kernels that follow.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <span>
#include <string>

#include "autotune/records/database.h"
#include "runtime/execute/kernel_source.h"

namespace tern::tools {

struct RecordFlags {
  std::string database;  // a file; empty: the one of the machine, or none
  bool untuned = false;
};

// Adds --database and --untuned.
void add_record_options(CLI::App& command, RecordFlags& flags);

// The choices of a file that somebody named, which must be there and of this machine; what is damaged in it
// is a warning on standard error.
Expected<autotune::Database> load_named(const std::filesystem::path& file,
                                        const autotune::Provenance& machine);

// What was tuned for one target.
struct TunedKernels {
  targets::Target target;
  int threads = 0;                  // that share each call; 0: not known
  autotune::Database database;      // choices alone
  std::filesystem::path file = {};  // where they are from
};

// Loads the choices made on a machine for a target: of the file that is named, which must be there and good,
// else of autotune::database_file; damage in that is a warning on standard error, and what is whole in it is
// used.
Expected<TunedKernels> load_tuned(const RecordFlags& flags, const autotune::Provenance& machine,
                                  const targets::Target& target, int threads = 0);

// Whose records are for a target of find_target: this machine's for "host", else those of the target itself,
// which were measured on another machine or predicted.
Expected<autotune::Provenance> machine_of(std::string_view name, const targets::Target& target);

// The tuned kernel for a problem, else the target's default.
ir::Kernel choose_kernel(const TunedKernels& tuned, const ir::Problem& problem);
runtime::KernelChoice kernel_choice(TunedKernels tuned);

// How many of these kernels were tuned, for people: "12 tuned (FILE, 2026-11-21), 3 default".
std::string describe(const TunedKernels& tuned, std::span<const ir::Kernel> kernels);

}  // namespace tern::tools

// The kernels that were tuned on a machine: which records count, and the kernel that follows for a problem.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "autotune/records/database.h"
#include "runtime/execute/kernel_source.h"
#include "runtime/session/warn.h"

namespace tern::runtime {

struct RecordOptions {
  std::string
      database;  // path of a file of records; empty: the machine's own (autotune::database_file), or none
  bool untuned = false;  // reads no records: kernels are the defaults
};

// Where what is tuned on a machine goes: the named file, or the machine's own.
std::filesystem::path tuned_file(const std::string& named, const autotune::Provenance& machine);

// The choices of a file that somebody named. What is damaged in it is warned of. Errors: there is no such
// file, it is not of this machine, or it cannot be read.
Expected<autotune::Database> load_named(const std::filesystem::path& file,
                                        const autotune::Provenance& machine, const Warn& warn);

// The choices that were tuned for one target.
struct TunedKernels {
  targets::Target target;
  int threads = 0;                  // number of threads that share a call; 0: not known
  autotune::Database database;      // choices alone
  std::filesystem::path file = {};  // that the choices are from
};

// Loads the choices made on a machine for a target: of the file that is named, as load_named does; else of
// the machine's own file, where damage is warned of, what is whole is used, and a file that cannot be used at
// all is warned of too and counts as empty.
Expected<TunedKernels> load_tuned(const RecordOptions& options, const autotune::Provenance& machine,
                                  const targets::Target& target, int threads, const Warn& warn);

// The provenance of the records for a target of find_target: this machine's for "host"; else the target's
// own, whose records were measured on another machine or predicted.
Expected<autotune::Provenance> machine_of(std::string_view name, const targets::Target& target);

// The tuned kernel for a problem, else the target's default.
ir::Kernel choose_kernel(const TunedKernels& tuned, const ir::Problem& problem);
KernelChoice kernel_choice(TunedKernels tuned);

// How many of these kernels were tuned, for people: "12 tuned (FILE, 2026-11-21; 8 by the record of another
// number of rows), 3 default". find_choice_kernel says which record stands in for a number of rows that has
// none.
std::string describe(const TunedKernels& tuned, std::span<const ir::Kernel> kernels);

}  // namespace tern::runtime

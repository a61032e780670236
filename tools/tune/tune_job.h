// tern tune --export-job and --import-results: tuning on a device, by a program that has no LLVM.
#pragma once

#include <string>
#include <vector>

#include "autotune/search/tune.h"

namespace tern::tools {

// Writes a folder with candidates for the target, compiled, and what runs them there; the program itself too
// where a compiler for the target's architecture is installed. An exit code.
Expected<int> export_job(const std::vector<autotune::TuneTask>& tasks, const std::string& target_name,
                         const std::string& folder, size_t candidates);

// Reads what the device measured from the folder, keeps it as records of that device and of the target (or in
// `database` alone, as of the device), and prints what was gained. An exit code.
Expected<int> import_results(const std::string& folder, const std::string& database);

}  // namespace tern::tools

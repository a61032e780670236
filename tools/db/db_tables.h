// Databases of tuned kernels as tables, for people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "autotune/records/database.h"

namespace tern::tools {

// A line about a file: "12 choices, 345 kernels, 678 timings, 2026-11-20 to 2026-11-21; LLVM 19.1.7,
// generator 2".
std::string summary(const autotune::Database& database);

// Which choices and records a table shows.
struct DatabaseFilter {
  std::optional<int64_t> n, k, m;
  size_t candidates = 10;  // of each problem
  bool contains(const ir::Problem& problem) const;
};

// Who was measured, the choices, the threads, and for each problem the best candidates.
std::string table(const autotune::Database& database, const DatabaseFilter& filter);

}  // namespace tern::tools

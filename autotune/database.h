// Kernels that were found to be good on one CPU, in a file that people can read.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ir/expected.h"
#include "ir/kernel.h"
#include "targets/target.h"

namespace tern::autotune {

// The records of one CPU:
//
//   fingerprint: x86_64/AuthenticAMD/26/2/1
//   kernels:
//     - |
//       kernel @ternary_m1_n2560_k2560 { ... }
struct Database {
  std::string fingerprint;  // of the CPU that the kernels were measured on
  std::vector<ir::Kernel> kernels;
  bool operator==(const Database&) const = default;
};

// Reads a database. Errors name the line: text that is not of this form, a kernel that does not parse or that
// ir::verify refuses, two kernels for one problem.
Expected<Database> parse_database(std::string_view yaml, const std::string& file);
std::string print(const Database& database);

// The database of the CPU with this fingerprint: empty if there is no file. Fails if the file cannot be read
// or holds another CPU's records: what is good there may be slow, or illegal, here.
Expected<Database> load_database(const std::filesystem::path& file, const std::string& fingerprint);

// $TERN_DATABASE, else $XDG_DATA_HOME/tern/kernels.yaml, else ~/.local/share/tern/kernels.yaml.
std::filesystem::path default_database();

// The kernel for a problem: the record if there is one that is legal on the target, else the default. All
// rows m of one matrix get the same layouts, or packed weights could not be shared: records whose layouts are
// not those of the default are used only if there is one for each number of rows in `rows`.
ir::Kernel choose_kernel(const Database& database, const ir::Problem& problem, const targets::Target& target,
                         const std::vector<int64_t>& rows);

}  // namespace tern::autotune

#include "autotune/database.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "autotune/default_kernel.h"
#include "targets/legal.h"

namespace tern::autotune {
namespace {

namespace fs = std::filesystem;

std::optional<ir::Kernel> record_for(const Database& database, const ir::Problem& problem,
                                     const targets::Target& target) {
  for (const ir::Kernel& kernel : database.kernels) {
    if (kernel.problem == problem && targets::illegal(kernel, target).empty()) return kernel;
  }
  return std::nullopt;
}

bool same_layouts(const ir::Kernel& a, const ir::Kernel& b) {
  return a.weights == b.weights && a.scales == b.scales;
}

}  // namespace

Expected<Database> load_database(const fs::path& file, const std::string& fingerprint) {
  std::error_code problem;
  if (!fs::exists(file, problem)) return Database{fingerprint, {}};
  std::ifstream in(file);
  if (!in || fs::is_directory(file, problem))
    return Error{"the database of kernels cannot be read", {file, 0, 0}};
  std::ostringstream text;
  text << in.rdbuf();
  Expected<Database> database = parse_database(text.str(), file);
  if (!database) return database;
  if (database->fingerprint != fingerprint)
    return Error{
        fmt::format(
            "holds records of the CPU {}, but this one is {}: move the file away, or name another with "
            "TERN_DATABASE",
            database->fingerprint, fingerprint),
        {file, 0, 0}};
  return database;
}

fs::path default_database() {
  if (const char* own = std::getenv("TERN_DATABASE"); own && *own) return own;
  if (const char* data = std::getenv("XDG_DATA_HOME"); data && *data)
    return fs::path(data) / "tern" / "kernels.yaml";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : ".") / ".local" / "share" / "tern" / "kernels.yaml";
}

ir::Kernel choose_kernel(const Database& database, const ir::Problem& problem, const targets::Target& target,
                         const std::vector<int64_t>& rows) {
  const ir::Kernel fallback = default_kernel(problem, target);
  const std::optional<ir::Kernel> own = record_for(database, problem, target);
  if (!own || same_layouts(*own, fallback)) return own.value_or(fallback);
  for (int64_t m : rows) {
    ir::Problem other = problem;
    other.m = m;
    const std::optional<ir::Kernel> record = record_for(database, other, target);
    if (!record || !same_layouts(*record, *own)) return fallback;
  }
  return *own;
}

}  // namespace tern::autotune

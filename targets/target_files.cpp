// Finding and reading target files.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/suggest.h"
#include "base/system_error.h"
#include "targets/target.h"

namespace tern::targets {
namespace {

namespace fs = std::filesystem;

Expected<Target> load_file(const fs::path& path) {
  std::error_code failure;
  if (fs::is_directory(path, failure)) return Error{"is a directory, not a target file", {path.string()}};
  std::ifstream file(path, std::ios::binary);
  if (!file) return system_error("cannot read this target file", errno, {path.string()});
  std::string text(max_target_file_bytes + 1, '\0');  // a byte more, to see that a file is too long
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return system_error("cannot read this target file", errno, {path.string()});
  text.resize(static_cast<size_t>(file.gcount()));
  return parse_target(text, path.string());
}

std::optional<fs::path> find_file(std::string_view name) {
  std::error_code failure;
  for (const fs::path& directory : target_directories()) {
    const fs::path path = directory / fmt::format("{}.yaml", name);
    if (fs::is_regular_file(path, failure)) return path;
  }
  return std::nullopt;
}

}  // namespace

std::vector<fs::path> target_directories() {
  std::vector<fs::path> result;
  if (const char* given = std::getenv("TERN_TARGETS")) {
    std::istringstream list{std::string(given)};
    for (std::string directory; std::getline(list, directory, ':');)
      if (!directory.empty()) result.emplace_back(directory);
  }
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  if (!failure) result.push_back(program.parent_path().parent_path() / "share/tern/targets");
  result.emplace_back(TERN_TARGETS_SOURCE);
  return result;
}

std::vector<std::string> target_names() {
  std::set<std::string> names;
  for (const fs::path& directory : target_directories()) {
    std::error_code failure;
    for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end;
         entry.increment(failure))
      if (entry->path().extension() == ".yaml") names.insert(entry->path().stem().string());
  }
  return {names.begin(), names.end()};
}

Expected<Target> load_target(std::string_view name_or_path) {
  if (name_or_path.find('/') != std::string_view::npos || name_or_path.ends_with(".yaml"))
    return load_file(fs::path(name_or_path));
  if (const std::optional<fs::path> path = find_file(name_or_path)) return load_file(*path);
  const std::vector<std::string> names = target_names();
  const std::vector<std::string_view> views(names.begin(), names.end());
  return Error{fmt::format("unknown target '{}'{}; 'tern targets' lists them", name_or_path,
                           suggestion(name_or_path, views))};
}

}  // namespace tern::targets

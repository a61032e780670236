#include "base/memory_supply.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>
#include <vector>

namespace tern {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> read_lines(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The number that a text begins with after spaces.
std::optional<uint64_t> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{}) return std::nullopt;
  return number;
}

// The number after `name` at the beginning of a line.
std::optional<uint64_t> number_after(const std::vector<std::string>& lines, std::string_view name) {
  for (const std::string_view line : lines) {
    if (line.starts_with(name)) return leading_number(line.substr(name.size()));
  }
  return std::nullopt;
}

std::optional<uint64_t> first_number(const fs::path& file) {
  return number_after(read_lines(file), "");
}

uint64_t difference(uint64_t limit, uint64_t used) {
  return limit > used ? limit - used : 0;
}

std::optional<uint64_t> least_of(std::optional<uint64_t> a, std::optional<uint64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// The names of a version of control groups.
struct GroupFiles {
  std::string_view limit, use;
  std::string_view active, inactive;  // in memory.stat: bytes of files' pages
};
constexpr GroupFiles version_1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file ",
                                  "total_inactive_file "};
constexpr GroupFiles version_2 = {"memory.max", "memory.current", "active_file ", "inactive_file "};

// What one group leaves. "max" is no number; version 1 says "no limit" by a number near 2^63.
std::optional<uint64_t> left_by_group(const fs::path& group, const GroupFiles& names) {
  constexpr uint64_t no_limit = uint64_t{1} << 60;
  const std::optional<uint64_t> limit = first_number(group / names.limit);
  if (!limit || *limit >= no_limit) return std::nullopt;
  const std::vector<std::string> statistics = read_lines(group / "memory.stat");
  const uint64_t files = number_after(statistics, names.active).value_or(0) +
                         number_after(statistics, names.inactive).value_or(0);
  const uint64_t use = first_number(group / names.use).value_or(0);
  return difference(*limit, difference(use, files));
}

// What a group and those around it leave, up to `top`, where the hierarchy is mounted. In a container the
// path may be the host's, of which only `top` is there.
std::optional<uint64_t> left_by_groups(const fs::path& top, std::string_view path, const GroupFiles& names) {
  std::optional<uint64_t> least = left_by_group(top, names);
  fs::path group = top;
  for (const fs::path& part : fs::path(path).relative_path()) {
    if (part == "..") break;
    group /= part;
    least = least_of(least, left_by_group(group, names));
  }
  return least;
}

bool lists_memory(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t end = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, end) == "memory") return true;
    controllers.remove_prefix(std::min(end + 1, controllers.size()));
  }
  return false;
}

// Lines of /proc/self/cgroup: "0::/path" for version 2, "7:cpu,memory:/path" for version 1.
std::optional<uint64_t> read_groups(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  std::optional<uint64_t> least;
  for (const std::string_view line : read_lines(root / "proc/self/cgroup")) {
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (controllers.empty()) {
      least = least_of(least, left_by_groups(mounts, path, version_2));
      least = least_of(least, left_by_groups(mounts / "unified", path, version_2));
    } else if (lists_memory(controllers)) {
      least = least_of(least, left_by_groups(mounts / "memory", path, version_1));
    }
  }
  return least;
}

}  // namespace

MemorySupply read_memory_supply(const fs::path& root) {
  constexpr uint64_t kilobyte = 1024;
  MemorySupply supply;
  if (const auto available = number_after(read_lines(root / "proc/meminfo"), "MemAvailable:"))
    supply.machine = *available * kilobyte;
  supply.group = read_groups(root);
  return supply;
}

uint64_t MemorySupply::memory() const {
  return least_of(machine, group).value_or(std::numeric_limits<uint64_t>::max());
}

std::string MemorySupply::where() const {
  return group && *group == memory() ? "in this control group" : "on this machine";
}

}  // namespace tern

#include "autotune/measure/energy_meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string_view>
#include <thread>

namespace tern::autotune {
namespace {

namespace fs = std::filesystem;

Expected<std::string> read_line(const fs::path& file) {
  errno = 0;
  std::ifstream in(file);
  std::string line;
  if (in && std::getline(in, line)) return line;
  if (errno == EACCES || errno == EPERM)
    return machine_error(
        "may not be read, as usual by anybody but root: run as root, or let root `chmod a+r` it",
        {file.string(), 0, 0});
  return machine_error(
      fmt::format("cannot be read: {}", errno != 0 ? std::strerror(errno) : "the file has no text"),
      {file.string(), 0, 0});
}

Expected<uint64_t> read_microjoules(const fs::path& file) {
  const Expected<std::string> line = read_line(file);
  if (!line) return line.error();
  uint64_t value = 0;
  const char* const last = line->data() + line->size();
  const auto [end, problem] = std::from_chars(line->data(), last, value);
  if (problem != std::errc() || end != last)
    return Error{fmt::format("'{}' is no number of microjoules", line->substr(0, 40)), {file.string(), 0, 0}};
  return value;
}

// "intel-rapl:1", but not its parts, "intel-rapl:1:0", nor "intel-rapl-mmio:0", which is a package again.
bool is_domain(std::string_view folder) {
  constexpr std::string_view prefix = "intel-rapl:";
  return folder.starts_with(prefix) && folder.size() > prefix.size() &&
         folder.find_first_not_of("0123456789", prefix.size()) == std::string_view::npos;
}

Expected<std::vector<fs::path>> domains_of(const fs::path& folder) {
  std::error_code problem;
  std::vector<fs::path> domains;
  fs::directory_iterator entry(folder, problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    if (is_domain(entry->path().filename().string())) domains.push_back(entry->path());
  }
  if (problem == std::errc::no_such_file_or_directory)
    return machine_error("this system shows no energy counters: there is no such folder",
                         {folder.string(), 0, 0});
  if (problem)
    return machine_error(fmt::format("cannot be read: {}", problem.message()), {folder.string(), 0, 0});
  std::ranges::sort(domains);
  return domains;
}

}  // namespace

Expected<EnergyMeter> EnergyMeter::open(const fs::path& folder) {
  const Expected<std::vector<fs::path>> domains = domains_of(folder);
  if (!domains) return domains.error();
  EnergyMeter meter;
  for (const fs::path& domain : *domains) {
    const Expected<std::string> name = read_line(domain / "name");
    if (!name) return name.error();
    if (!name->starts_with("package-")) continue;
    const Expected<uint64_t> range = read_microjoules(domain / "max_energy_range_uj");
    if (!range) return range.error();
    const Expected<uint64_t> now = read_microjoules(domain / "energy_uj");
    if (!now) return now.error();
    meter.packages_.push_back({domain / "energy_uj", *range, *now});
  }
  if (meter.packages_.empty())
    return Error{"this system shows no energy counters: no intel-rapl:N in it is a package",
                 {folder.string(), 0, 0}};
  return meter;
}

Expected<double> EnergyMeter::joules() {
  for (Package& package : packages_) {
    const Expected<uint64_t> now = read_microjoules(package.counter);
    if (!now) return now.error();
    const uint64_t before_anew = *now < package.last ? package.range : 0;
    if (before_anew + *now < package.last)
      return Error{fmt::format("went back from {} to {}, which is more than its range of {}", package.last,
                               *now, package.range),
                   {package.counter.string(), 0, 0}};
    microjoules_ += before_anew + *now - package.last;
    package.last = *now;
  }
  return static_cast<double>(microjoules_) * 1e-6;
}

Status EnergyMeter::wait_for_step(std::chrono::milliseconds most) {
  const uint64_t before = microjoules_;
  const auto end = std::chrono::steady_clock::now() + most;
  for (;;) {
    const bool last = std::chrono::steady_clock::now() >= end;
    const Expected<double> now = joules();
    if (!now) return now.error();
    if (microjoules_ != before) return {};
    if (last) return Error{"its counter stands still", {packages_[0].counter.string(), 0, 0}};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace tern::autotune

#include "autotune/records/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "ir/kernel/problem_text.h"

namespace tern::autotune {
namespace {

// Records that compete with each other have equal ones.
auto problem_key(const Record& record) {
  const ir::Problem& problem = record.kernel.problem;
  return std::tuple(record.conditions.target, record.conditions.threads, print(problem),
                    record.kernel.epilogue);
}

// Timed ones before predicted ones. Ratios compare better than times, which were measured on other days.
std::pair<bool, double> rank(const Record& record) {
  if (!record.timings.empty()) return {false, record.timings.back().ratio};
  return {true, record.predicted_seconds > 0 ? record.predicted_seconds : std::numeric_limits<double>::max()};
}

std::set<uint64_t> chosen_kernels(const Database& database) {
  std::set<uint64_t> hashes;
  for (const Choice& choice : database.choices) {
    for (const ir::Kernel& kernel : choice.kernels) hashes.insert(hash(kernel));
  }
  return hashes;
}

}  // namespace

size_t prune(Database& database, size_t keep) {
  const std::set<uint64_t> chosen = chosen_kernels(database);
  std::map<decltype(problem_key(std::declval<Record>())), std::vector<size_t>> groups;
  std::vector<Record>& records = database.records;
  std::vector<bool> stays(records.size(), true);
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].refused.empty() && !chosen.contains(hash(records[i].kernel)))
      groups[problem_key(records[i])].push_back(i);
  }
  for (auto& [key, places] : groups) {
    std::ranges::stable_sort(places, {}, [&](size_t i) { return rank(records[i]); });
    for (size_t i = keep; i < places.size(); ++i) stays[places[i]] = false;
  }
  std::vector<Record> kept;
  for (size_t i = 0; i < records.size(); ++i) {
    if (stays[i]) kept.push_back(std::move(records[i]));
  }
  const size_t gone = records.size() - kept.size();
  records = std::move(kept);
  return gone;
}

}  // namespace tern::autotune

// Which machine this is, said as Tern itself says it (autotune/records/record.h), so that records of this
// device are records of the Tern that runs on it.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "job_table.h"

namespace tern::job {

inline std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// The first value of a key in /proc/cpuinfo.
inline std::string cpuinfo(const std::string& key) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || line.find_last_not_of(" \t", colon - 1) + 1 != key.size()) continue;
    if (line.compare(0, key.size(), key) != 0 || colon + 2 > line.size()) continue;
    return line.substr(colon + 2);
  }
  return "unknown";
}

inline std::string cpu_name() {
  const std::string architecture = job_architecture;
  if (architecture == "aarch64")
    return architecture + "/" + cpuinfo("CPU implementer") + "/" + cpuinfo("CPU architecture") + "/" +
           cpuinfo("CPU part") + "/" + cpuinfo("CPU variant") + "." + cpuinfo("CPU revision");
  return architecture + "/" + cpuinfo("vendor_id") + "/" + cpuinfo("cpu family") + "/" + cpuinfo("model") +
         "/" + cpuinfo("stepping");
}

// The processors that this process may use.
inline std::vector<int> processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> found;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) found.push_back(i);
  }
  return found;
}

// "0-3,8" as numbers.
inline std::set<int> parse_list(const std::string& text) {
  std::set<int> numbers;
  const char* next = text.c_str();
  for (char* end = nullptr;; next = end + 1) {
    const long first = std::strtol(next, &end, 10);
    if (end == next) break;
    const long last = *end == '-' ? std::strtol(end + 1, &end, 10) : first;
    for (long i = first; i <= last; ++i) numbers.insert(static_cast<int>(i));
    if (*end != ',') break;
  }
  return numbers;
}

inline std::string cpu_folder(int processor) {
  return "/sys/devices/system/cpu/cpu" + std::to_string(processor);
}

// Cores among these processors: processors with the same siblings are one.
inline int count_cores(const std::set<int>& of) {
  std::set<std::string> cores;
  for (const int processor : of) {
    const std::string siblings = first_line(cpu_folder(processor) + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? std::to_string(processor) : siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

struct Cache {
  int level = 0;
  int64_t bytes = 0;
  int64_t line_bytes = 64;
  int shared_by = 1;  // cores
};

// Of each level the smallest, if it is larger than that of the level before.
inline std::vector<Cache> find_caches() {
  const std::vector<int> usable = processors();
  std::vector<Cache> smallest;
  for (const int processor : usable) {
    for (int index = 0;; ++index) {
      const std::string folder = cpu_folder(processor) + "/cache/index" + std::to_string(index) + "/";
      const std::string type = first_line(folder + "type");
      if (type.empty()) break;
      if (type == "Instruction") continue;
      Cache cache;
      cache.level = std::atoi(first_line(folder + "level").c_str());
      cache.bytes = std::strtoll(first_line(folder + "size").c_str(), nullptr, 10) * 1024;
      const int64_t line = std::strtoll(first_line(folder + "coherency_line_size").c_str(), nullptr, 10);
      if (line > 0) cache.line_bytes = line;
      std::set<int> shared;
      for (const int other : parse_list(first_line(folder + "shared_cpu_list"))) {
        if (std::find(usable.begin(), usable.end(), other) != usable.end()) shared.insert(other);
      }
      cache.shared_by = count_cores(shared);
      const auto same = std::find_if(smallest.begin(), smallest.end(),
                                     [&](const Cache& known) { return known.level == cache.level; });
      if (same == smallest.end())
        smallest.push_back(cache);
      else if (cache.bytes < same->bytes)
        *same = cache;
    }
  }
  std::sort(smallest.begin(), smallest.end(),
            [](const Cache& a, const Cache& b) { return a.level < b.level; });
  std::vector<Cache> caches;
  for (const Cache& cache : smallest) {
    if (cache.bytes > (caches.empty() ? 0 : caches.back().bytes)) caches.push_back(cache);
  }
  return caches;
}

// The body of the document that says whose results these are.
inline std::string machine_body() {
  std::string text = "cpu: \"" + cpu_name() + "\"\nfeatures: [";
  bool is_first = true;
  for (const Claim& claim : job_claims) {
    if (!claim.claimed()) continue;
    text += (is_first ? "" : ", ") + std::string(claim.feature);
    is_first = false;
  }
  text += "]\nvector bits: " + std::to_string(scalable_vector_bits()) + "\ncaches:";
  const std::vector<Cache> caches = find_caches();
  text += caches.empty() ? " []\n" : "\n";
  for (const Cache& cache : caches)
    text += "  - {level: " + std::to_string(cache.level) + ", bytes: " + std::to_string(cache.bytes) +
            ", line bytes: " + std::to_string(cache.line_bytes) +
            ", shared by cores: " + std::to_string(cache.shared_by) + "}\n";
  const std::vector<int> usable = processors();
  text += "cores: " + std::to_string(count_cores({usable.begin(), usable.end()})) + "\nllvm: \"" + job_llvm +
          "\"\ngenerator: " + std::to_string(job_generator) + "\n";
  return text;
}

}  // namespace tern::job

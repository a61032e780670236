// What a CPU is: everything that generating and tuning code for it needs to know, and nothing about what to
// do with it. A target comes from a small YAML file or from detection (host.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "targets/feature.h"

namespace tern::targets {

// One level of data cache, as one core sees it.
struct Cache {
  int level = 1;
  int64_t size_bytes = 0;
  int line_bytes = 64;
  int shared_by = 1;  // cores
  bool operator==(const Cache&) const = default;
};

struct Target {
  std::string name;         // the file's name without ".yaml", or "host"
  std::string description;  // one line
  Architecture architecture = Architecture::any;

  // As LLVM takes it; empty for the triple of whatever machine compiles.
  std::string llvm_triple;
  // LLVM's processor, for its scheduling model only: what instructions may be used is `features` and nothing
  // else, so hand it over as "tune-cpu". Empty for LLVM's generic model.
  std::string llvm_cpu;
  FeatureSet features;  // closed under implication

  int vector_bits = 128;      // the widest vector that the features allow; SVE, RVV: this machine's width
  int vector_registers = 16;  // architectural ones of that width

  std::vector<Cache> caches;                          // innermost first; empty if the target is many CPUs
  std::optional<int> cores;                           // of one socket; none where that varies
  std::optional<double> memory_gigabytes_per_second;  // read bandwidth of one socket; 1e9 bytes

  std::vector<std::string> sources;  // where these facts come from
  bool operator==(const Target&) const = default;
};

// The cache of that level, or null if the target has none or does not say.
const Cache* find_cache(const Target& target, int level);

// How many vector registers an instruction can name, and the widest vector (bits) that it can hold; for SVE
// and RVV, whose width is the machine's choice, the widest that the architecture allows.
int vector_registers(Architecture architecture, FeatureSet features);
int max_vector_bits(Architecture architecture, FeatureSet features);

// In bytes; longer ones are refused before anything parses them.
inline constexpr size_t max_target_file_bytes = 1 << 20;

// Reads a target from YAML text. `file` is for messages, and its stem becomes the target's name. Refuses
// unknown keys and features (suggesting the nearest that exist) and facts that contradict each other.
Expected<Target> parse_target(std::string_view yaml, const std::string& file);

// The YAML text of a target: parse_target(print(t), t.name + ".yaml") == t.
std::string print(const Target& target);

// Where targets are looked for, first match wins: the directories of $TERN_TARGETS (':' between them), then
// ../share/tern/targets beside the program's folder, then targets/ of the source tree it was built from.
std::vector<std::filesystem::path> target_directories();

// The names that load_target knows, sorted.
std::vector<std::string> target_names();

// Loads by name, or by path if there is a '/' in it or it ends in ".yaml".
Expected<Target> load_target(std::string_view name_or_path);

}  // namespace tern::targets

// The YAML form of a target. The one file of this floor that sees yaml-cpp, and that throws: its own Refusals
// and the library's exceptions both end in parse_target.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <set>
#include <utility>

#include "base/suggest.h"
#include "targets/target.h"

namespace tern::targets {
namespace {

struct Refusal {
  std::string message;
  YAML::Mark mark;
};

[[noreturn]] void refuse(const YAML::Node& node, std::string message) {
  throw Refusal{std::move(message), node.Mark()};
}

std::string scalar(const YAML::Node& node, std::string_view what) {
  if (!node.IsScalar() || node.Scalar().empty()) refuse(node, fmt::format("{} must be a single value", what));
  return node.Scalar();
}

double number(const YAML::Node& node, std::string_view what) {
  const std::string text = scalar(node, what);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value > 0 && value < 1e15))
    refuse(node, fmt::format("{} must be a number above 0, not '{}'", what, text));
  return value;
}

int whole_number(const YAML::Node& node, std::string_view what, int highest) {
  const std::string text = scalar(node, what);
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < 1 || value > highest)
    refuse(node, fmt::format("{} must be a whole number from 1 to {}, not '{}'", what, highest, text));
  return value;
}

// "48 KiB", "1.25 MiB" or a number of bytes.
int64_t size_in_bytes(const YAML::Node& node) {
  const std::string text = scalar(node, "size");
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, text.data() + text.size());
  const double scale = unit.empty() ? 1 : unit == " KiB" ? 0x1p10 : unit == " MiB" ? 0x1p20 : 0;
  const double bytes = value * scale;
  if (failure != std::errc() || !(bytes >= 1 && bytes < 0x1p40) ||
      bytes != static_cast<double>(static_cast<int64_t>(bytes)))
    refuse(node,
           fmt::format("size must be like '48 KiB' or '1.25 MiB' or a number of bytes, not '{}'", text));
  return static_cast<int64_t>(bytes);
}

std::string size_text(int64_t bytes) {
  if (bytes % (1 << 20) == 0) return fmt::format("{} MiB", bytes >> 20);
  if (bytes % (1 << 10) == 0) return fmt::format("{} KiB", bytes >> 10);
  return std::to_string(bytes);
}

// A key of a mapping: how to read its value into a T, and whether it may be left out. The readers run in the
// order of their table, not of the file, so that a later one may check its value against an earlier one.
template <class T>
struct Key {
  std::string_view name;
  bool required;
  void (*read)(T&, const YAML::Node&);
};

template <class T, size_t count>
void read_mapping(T& result, const YAML::Node& node, std::string_view what,
                  const std::array<Key<T>, count>& keys) {
  if (!node.IsMap()) refuse(node, fmt::format("{} must be a mapping of keys to values", what));
  std::array<std::string_view, count> names;
  std::ranges::transform(keys, names.begin(), &Key<T>::name);
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = scalar(entry.first, "a key");
    if (std::ranges::find(names, key) == names.end())
      refuse(entry.first, fmt::format("unknown key '{}'{}", key, suggestion(key, names)));
    if (!seen.insert(key).second) refuse(entry.first, fmt::format("'{}' is given twice", key));
    if (entry.second.IsNull()) refuse(entry.first, fmt::format("'{}' has no value", key));
  }
  for (const Key<T>& key : keys) {
    if (const YAML::Node value = node[std::string(key.name)])
      key.read(result, value);
    else if (key.required)
      refuse(node, fmt::format("{} lacks the key '{}'", what, key.name));
  }
}

void read_architecture(Target& target, const YAML::Node& node) {
  static constexpr std::array<std::string_view, 4> names = {"any", "x86_64", "aarch64", "riscv64"};
  const std::string text = scalar(node, "architecture");
  const std::optional<Architecture> found = find_architecture(text);
  if (!found)
    refuse(node, fmt::format("unknown architecture '{}'; there are {}{}", text, fmt::join(names, ", "),
                             suggestion(text, names)));
  target.architecture = *found;
  if (*found != Architecture::any) target.llvm_triple = fmt::format("{}-unknown-linux-gnu", text);
}

void read_triple(Target& target, const YAML::Node& node) {
  const std::string text = scalar(node, "llvm_triple");
  if (!text.starts_with(fmt::format("{}-", name(target.architecture))))
    refuse(node, fmt::format("llvm_triple '{}' is not of architecture {}", text, name(target.architecture)));
  target.llvm_triple = text;
}

void read_features(Target& target, const YAML::Node& node) {
  if (!node.IsSequence()) refuse(node, "features must be a list: [avx2, fma]");
  std::vector<std::string_view> names;
  for (const FeatureInfo& entry : feature_table())
    if (entry.architecture == target.architecture) names.push_back(entry.name);
  for (const YAML::Node& item : node) {
    const std::string text = scalar(item, "a feature");
    const std::optional<Feature> feature = find_feature(text);
    if (!feature) refuse(item, fmt::format("unknown feature '{}'{}", text, suggestion(text, names)));
    if (info(*feature).architecture != target.architecture)
      refuse(item, fmt::format("'{}' is a feature of {}, and this target's architecture is {}", text,
                               name(info(*feature).architecture), name(target.architecture)));
    target.features.insert(*feature);
  }
  target.features = with_implied(target.features);
  target.vector_registers = vector_registers(target.architecture, target.features);
}

void read_vector_bits(Target& target, const YAML::Node& node) {
  const int widest = max_vector_bits(target.architecture, target.features);
  const int bits = whole_number(node, "vector_bits", 65536);
  if (!std::has_single_bit(static_cast<unsigned>(bits)) || bits < 64)
    refuse(node, fmt::format("vector_bits must be a power of two from 64 up, not {}", bits));
  if (bits > widest)
    refuse(node, fmt::format("vector_bits is {}, but with these features {} has at most {}", bits,
                             name(target.architecture), widest));
  target.vector_bits = bits;
}

void read_cores(Target& target, const YAML::Node& node) {
  target.cores = whole_number(node, "cores", 65536);
}

constexpr std::array<Key<Cache>, 4> cache_keys = {{
    {"level", true,
     [](Cache& cache, const YAML::Node& node) { cache.level = whole_number(node, "level", 5); }},
    {"size", true, [](Cache& cache, const YAML::Node& node) { cache.size_bytes = size_in_bytes(node); }},
    {"line", true,
     [](Cache& cache, const YAML::Node& node) {
       cache.line_bytes = whole_number(node, "line", 4096);
       if (!std::has_single_bit(static_cast<unsigned>(cache.line_bytes)))
         refuse(node, fmt::format("line must be a power of two (bytes), not {}", cache.line_bytes));
     }},
    {"shared_by", true,
     [](Cache& cache, const YAML::Node& node) { cache.shared_by = whole_number(node, "shared_by", 65536); }},
}};

void read_caches(Target& target, const YAML::Node& node) {
  if (!node.IsSequence()) refuse(node, "caches must be a list, one entry a level");
  for (const YAML::Node& item : node) {
    Cache cache;
    read_mapping(cache, item, "a cache", cache_keys);
    if (!target.caches.empty()) {
      const Cache& inner = target.caches.back();
      if (cache.level <= inner.level || cache.size_bytes <= inner.size_bytes ||
          cache.shared_by < inner.shared_by)
        refuse(item,
               fmt::format("the level {} cache must be further out than level {}, larger, and shared by "
                           "no fewer cores",
                           cache.level, inner.level));
    }
    if (target.cores && cache.shared_by > *target.cores)
      refuse(item, fmt::format("the level {} cache is shared by {} cores, but there are only {}", cache.level,
                               cache.shared_by, *target.cores));
    target.caches.push_back(cache);
  }
}

void read_sources(Target& target, const YAML::Node& node) {
  if (!node.IsSequence() || node.size() == 0)
    refuse(node, "sources must be a list that says where the facts come from");
  for (const YAML::Node& item : node) target.sources.push_back(scalar(item, "a source"));
}

constexpr std::array<Key<Target>, 10> target_keys = {{
    {"description", true,
     [](Target& target, const YAML::Node& node) { target.description = scalar(node, "description"); }},
    {"architecture", true, read_architecture},
    {"llvm_triple", false, read_triple},
    {"llvm_cpu", false,
     [](Target& target, const YAML::Node& node) { target.llvm_cpu = scalar(node, "llvm_cpu"); }},
    {"features", true, read_features},
    {"vector_bits", true, read_vector_bits},
    {"cores", false, read_cores},
    {"caches", false, read_caches},
    {"memory_gigabytes_per_second", false,
     [](Target& target, const YAML::Node& node) {
       target.memory_gigabytes_per_second = number(node, "memory_gigabytes_per_second");
     }},
    {"sources", true, read_sources},
}};

// Whether a line begins a second document ("---") or ends the first ("..."). yaml-cpp's LoadAll would tell,
// but finds documents without end in some texts.
bool holds_another_document(std::string_view yaml) {
  bool seen = false;  // a line of the first
  while (!yaml.empty()) {
    const std::string_view line = yaml.substr(0, yaml.find('\n'));
    yaml.remove_prefix(std::min(line.size() + 1, yaml.size()));
    const bool is_mark = (line.starts_with("---") || line.starts_with("...")) &&
                         (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
    if (is_mark && (seen || line.starts_with("..."))) return true;
    const size_t text = line.find_first_not_of(" \t\r");
    seen = seen || is_mark || (text != std::string_view::npos && line[text] != '#');
  }
  return false;
}

Error located(const std::string& message, const YAML::Mark& mark, const std::string& file) {
  if (mark.is_null()) return {message, {file}};
  return {message, {file, mark.line + 1, mark.column + 1}};  // yaml-cpp counts from 0
}

}  // namespace

Expected<Target> parse_target(std::string_view yaml, const std::string& file) {
  Target target;
  target.name = std::filesystem::path(file).stem().string();
  if (target.name == "host")
    return Error{"a target cannot be called 'host': that is the machine at hand", {file}};
  if (yaml.size() > max_target_file_bytes) return Error{"too long to be a target", {file}};
  try {
    const YAML::Node document = holds_another_document(yaml) ? YAML::Node() : YAML::Load(std::string(yaml));
    if (document.IsNull()) return Error{"wants one YAML document with the keys of a target", {file}};
    read_mapping(target, document, "a target", target_keys);
  } catch (const Refusal& refusal) {
    return located(refusal.message, refusal.mark, file);
  } catch (const YAML::Exception& exception) {
    return located(exception.msg, exception.mark, file);
  }
  return target;
}

std::string print(const Target& target) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  out << YAML::Key << "description" << YAML::Value << target.description;
  out << YAML::Key << "architecture" << YAML::Value << std::string(name(target.architecture));
  if (!target.llvm_triple.empty()) out << YAML::Key << "llvm_triple" << YAML::Value << target.llvm_triple;
  if (!target.llvm_cpu.empty()) out << YAML::Key << "llvm_cpu" << YAML::Value << target.llvm_cpu;
  out << YAML::Key << "features" << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const Feature feature : target.features) out << std::string(name(feature));
  out << YAML::EndSeq;
  out << YAML::Key << "vector_bits" << YAML::Value << target.vector_bits;
  if (target.cores) out << YAML::Key << "cores" << YAML::Value << *target.cores;
  if (!target.caches.empty()) {
    out << YAML::Key << "caches" << YAML::Value << YAML::BeginSeq;
    for (const Cache& cache : target.caches) {
      out << YAML::Flow << YAML::BeginMap;
      out << YAML::Key << "level" << YAML::Value << cache.level;
      out << YAML::Key << "size" << YAML::Value << size_text(cache.size_bytes);
      out << YAML::Key << "line" << YAML::Value << cache.line_bytes;
      out << YAML::Key << "shared_by" << YAML::Value << cache.shared_by << YAML::EndMap;
    }
    out << YAML::EndSeq;
  }
  if (target.memory_gigabytes_per_second)
    out << YAML::Key << "memory_gigabytes_per_second" << YAML::Value
        << fmt::format("{}", *target.memory_gigabytes_per_second);
  out << YAML::Key << "sources" << YAML::Value << YAML::BeginSeq;
  for (const std::string& source : target.sources) out << source;
  out << YAML::EndSeq << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

}  // namespace tern::targets

#include "autotune/records/record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "codegen/jit/compile.h"

namespace tern::autotune {
namespace {

using Names = std::vector<std::string>;

Names names_of(targets::FeatureSet features) {
  Names names;
  for (const targets::Feature feature : features) names.emplace_back(name(feature));
  std::ranges::sort(names);
  return names;
}

// The elements of `a` that `b` lacks; both are sorted.
Names missing(const Names& a, const Names& b) {
  Names names;
  std::ranges::set_difference(a, b, std::back_inserter(names));
  return names;
}

std::string describe(const std::vector<targets::Cache>& caches) {
  Names parts;
  for (const targets::Cache& cache : caches)
    parts.push_back(fmt::format("level {} of {} KiB in lines of {} bytes, shared by {}", cache.level,
                                static_cast<double>(cache.size_bytes) / 1024, cache.line_bytes,
                                cache.shared_by));
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, "; "));
}

// "KEY: the records are of A, this machine has B", where they differ.
template <class T>
void compare(Names& lines, std::string_view what, const T& records, const T& here) {
  if (records != here)
    lines.push_back(fmt::format("{}: the records have {}, this machine has {}", what, records, here));
}

}  // namespace

std::string_view name(Objective objective) {
  switch (objective) {
    case Objective::time: return "time";
    case Objective::energy: return "energy";
  }
  return {};
}

std::optional<Objective> find_objective(std::string_view wanted) {
  for (const Objective objective : {Objective::time, Objective::energy}) {
    if (name(objective) == wanted) return objective;
  }
  return std::nullopt;
}

Provenance provenance_of(const targets::Target& target) {
  return {"target/" + target.name,  names_of(target.features), target.vector_bits,        target.caches,
          target.cores.value_or(0), codegen::llvm_version(),   codegen::generator_version};
}

Provenance provenance_of(const targets::Host& host) {
  Provenance provenance = provenance_of(host.target);
  provenance.cpu = text(host.fingerprint);
  return provenance;
}

std::vector<std::string> differences(const Provenance& records, const Provenance& here) {
  Names lines;
  compare(lines, "CPU", records.cpu, here.cpu);
  const Names theirs = missing(records.features, here.features);
  const Names ours = missing(here.features, records.features);
  if (!theirs.empty())
    lines.push_back(
        fmt::format("features: the records have {}, this machine does not", fmt::join(theirs, ", ")));
  if (!ours.empty())
    lines.push_back(fmt::format("features: this machine has {}, the records do not", fmt::join(ours, ", ")));
  compare(lines, "vectors in bits", records.vector_bits, here.vector_bits);
  compare(lines, "caches", describe(records.caches), describe(here.caches));
  compare(lines, "cores", records.cores, here.cores);
  if (records.llvm != here.llvm)
    lines.push_back(
        fmt::format("LLVM: the records were made with {}, this program has {}", records.llvm, here.llvm));
  if (records.generator != here.generator)
    lines.push_back(fmt::format("kernels: the records are of generator {}, this program has {}",
                                records.generator, here.generator));
  return lines;
}

}  // namespace tern::autotune

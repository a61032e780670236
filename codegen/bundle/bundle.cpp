#include "codegen/bundle/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/hash.h"

namespace tern::codegen {
namespace {

using targets::Architecture;
using targets::Target;

bool more_demanding(const BundleTarget& a, const BundleTarget& b) {
  return std::pair(a.target.vector_bits, a.target.features.size()) >
         std::pair(b.target.vector_bits, b.target.features.size());
}

}  // namespace

Status arrange_targets(Bundle& bundle) {
  const Target* first = nullptr;  // of a definite architecture
  std::set<std::string> names;
  for (const BundleTarget& entry : bundle.targets) {
    if (!names.insert(identifier(entry.target.name)).second)
      return Error{fmt::format("there are two targets called {}", entry.target.name), {}};
    if (entry.target.architecture == Architecture::any) continue;
    if (!first) first = &entry.target;
    if (entry.target.architecture != first->architecture)
      return Error{
          fmt::format("one bundle cannot hold code of two architectures: {} is {}, and {} is {}", first->name,
                      name(first->architecture), entry.target.name, name(entry.target.architecture)),
          {}};
  }
  const Architecture architecture = first ? first->architecture : targets::host_architecture();
  const std::string triple = first ? first->llvm_triple : "";
  for (BundleTarget& entry : bundle.targets) {
    entry.target.architecture = architecture;
    if (entry.target.llvm_triple.empty()) entry.target.llvm_triple = triple;
  }
  std::ranges::stable_sort(bundle.targets, more_demanding);
  return {};
}

std::string identifier(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (digit && result.empty()) result += '_';
    result += digit || letter ? c : '_';
  }
  return result.empty() ? "_" : result;
}

std::string symbol_of(const Bundle& bundle, const Target& target, const ir::Kernel& kernel) {
  return identifier(fmt::format("{}_{}_{}", bundle.name, kernel.name, target.name));
}

std::string symbol_of(const Bundle& bundle, const Target& target, const ir::Program& preparation) {
  return identifier(fmt::format("{}_prepare_{:016x}_{}", bundle.name, hash(preparation), target.name));
}

uint64_t hash(const ir::Program& program) {
  ir::Program nameless = program;
  nameless.name = "kernel";
  return fnv1a(print(nameless));
}

}  // namespace tern::codegen

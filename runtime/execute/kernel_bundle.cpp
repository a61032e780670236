#include "runtime/execute/kernel_bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <span>
#include <sstream>
#include <vector>

#include "codegen/bundle/bundle.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "targets/host.h"

namespace tern::runtime {
namespace {

struct Entry {
  ir::Kernel kernel;
  uint64_t hash;  // of the kernel
  const tern_kernel* compiled;
};
using Entries = std::vector<Entry>;

Error another_version(const tern_bundle& bundle, const std::string& why) {
  return {fmt::format("the kernels in this program were made by another version of Tern ({}): {}",
                      bundle.generator, why),
          {}};
}

// What the generated code and its choice need to know; there is no more in a bundle.
Expected<targets::Target> target_of(const tern_bundle& bundle, const tern_target& entry) {
  targets::Target target;
  target.name = entry.name;
  target.architecture = targets::host_architecture();
  target.vector_bits = static_cast<int>(entry.vector_bits);
  std::istringstream features{std::string(entry.features)};
  for (std::string name; features >> name;) {
    const std::optional<targets::Feature> feature = targets::find_feature(name);
    if (!feature) return another_version(bundle, fmt::format("{} is a feature unknown here", name));
    target.features.insert(*feature);
  }
  target.vector_registers = targets::vector_registers(target.architecture, target.features);
  return target;
}

Expected<Entries> entries_of(const tern_bundle& bundle, const tern_target& target) {
  Entries entries;
  for (const tern_kernel& compiled : std::span(target.kernels, static_cast<size_t>(target.kernel_count))) {
    const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(compiled.text, compiled.name);
    if (!parsed) return another_version(bundle, parsed.error().text());
    if (const std::vector<Error> errors = ir::verify(parsed->kernel); !errors.empty())
      return another_version(bundle, errors.front().text());
    entries.push_back({parsed->kernel, hash(parsed->kernel), &compiled});
  }
  return entries;
}

Expected<ir::Kernel> choose(const Entries& entries, const std::string& target, const ir::Problem& problem) {
  const ir::Kernel* best = nullptr;
  for (const Entry& entry : entries) {
    ir::Problem own = entry.kernel.problem;
    if (own.m < problem.m || (best && own.m >= best->problem.m)) continue;
    own.m = problem.m;
    if (own == problem) best = &entry.kernel;
  }
  if (best) {
    // The plan puts back on it what follows the product.
    ir::Kernel plain = *best;
    plain.epilogue = ir::Epilogue::plain;
    return plain;
  }
  return Error{
      fmt::format("this program has no kernel of target {} for m={} n={} k={} with weights of type {}; "
                  "`tern compile -m MODEL` makes kernels for a model, and `cmake -D "
                  "TERN_RUN_BUNDLE=FILE.a` builds tern-run with them",
                  target, problem.m, problem.n, problem.k, name(problem.w.element)),
      {}};
}

Expected<codegen::CompiledKernel> provide(const tern_bundle& bundle, const Entries& entries,
                                          const ir::Kernel& kernel) {
  const auto found = std::ranges::find(entries, hash(kernel), &Entry::hash);
  if (found == entries.end()) return Error{fmt::format("this program has no kernel {}", kernel.name), {}};
  ir::Program program = codegen::lower(kernel);
  if (codegen::hash(program) != found->compiled->program_hash)
    return another_version(bundle, fmt::format("kernel {} is computed in another way now", kernel.name));
  // Range is two integers of 64 bits, begin and end, as the function of plain C has them.
  static_assert(sizeof(ir::Range) == 2 * sizeof(int64_t));
  return codegen::CompiledKernel(
      reinterpret_cast<codegen::CompiledKernel::Function>(found->compiled->function),
      std::make_shared<const ir::Kernel>(kernel), std::make_shared<const ir::Program>(std::move(program)),
      nullptr);
}

Expected<codegen::CompiledKernel> provide_preparation(const tern_bundle& bundle, const Entries& entries,
                                                      const ir::Program& program) {
  const uint64_t wanted = codegen::hash(program);
  for (const Entry& entry : entries) {
    const std::span all(entry.compiled->preparations, static_cast<size_t>(entry.compiled->preparation_count));
    const auto found = std::ranges::find(all, wanted, &tern_preparation::program_hash);
    if (found == all.end()) continue;
    return codegen::CompiledKernel(reinterpret_cast<codegen::CompiledKernel::Function>((*found)->function),
                                   nullptr, std::make_shared<const ir::Program>(program), nullptr);
  }
  return another_version(bundle, fmt::format("program {} is computed in another way now", program.name));
}

Expected<BundleKernels> kernels_of(const tern_bundle& bundle, const tern_target& chosen,
                                   targets::Target target) {
  TERN_ASSIGN(Entries parsed, entries_of(bundle, chosen));
  const auto entries = std::make_shared<const Entries>(std::move(parsed));
  std::set<int64_t> rows;
  for (const Entry& entry : *entries) rows.insert(entry.kernel.problem.m);
  if (rows.empty()) return Error{fmt::format("this program has no kernels for target {}", target.name), {}};
  BundleKernels result{{}, kernels::RowBuckets({rows.begin(), rows.end()})};
  result.source.choose = [entries, name = target.name](const ir::Problem& problem) {
    return choose(*entries, name, problem);
  };
  result.source.provide = [entries, &bundle](const ir::Kernel& kernel) {
    return provide(bundle, *entries, kernel);
  };
  result.source.provide_preparation = [entries, &bundle](const ir::Program& preparation) {
    return provide_preparation(bundle, *entries, preparation);
  };
  result.source.target = std::move(target);
  return result;
}

}  // namespace

Expected<BundleKernels> bundle_kernels(const tern_bundle& bundle, const targets::Target& host,
                                       std::string_view target_name) {
  if (bundle.abi != TERN_BUNDLE_ABI)
    return another_version(bundle, fmt::format("form {} of bundles, not {}", bundle.abi, TERN_BUNDLE_ABI));
  std::string reasons, names;
  for (const tern_target& entry : std::span(bundle.targets, static_cast<size_t>(bundle.target_count))) {
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
    if (!target_name.empty() && entry.name != target_name) continue;
    TERN_ASSIGN(targets::Target target, target_of(bundle, entry));
    if (const Status status = can_run(target, host); !status)
      reasons += "\n  " + status.error().text();
    else
      return kernels_of(bundle, entry, std::move(target));
  }
  if (reasons.empty())
    return Error{fmt::format("this program has no kernels for '{}'; it has them for {}", target_name, names),
                 {}};
  return Error{"this machine cannot run the kernels of this program:" + reasons, {}};
}

}  // namespace tern::runtime

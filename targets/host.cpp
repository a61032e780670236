#include "targets/host.h"

#include <fmt/format.h>
#include <hwloc.h>
#if defined(__aarch64__)
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <memory>
#include <tuple>

#include "targets/probe.h"

namespace tern::targets {
namespace {

using Topology = std::unique_ptr<hwloc_topology, decltype(&hwloc_topology_destroy)>;

// The part of the machine that this process may use; null if hwloc fails.
Topology load_topology() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return {nullptr, hwloc_topology_destroy};
  Topology topology(raw, hwloc_topology_destroy);
  if (hwloc_topology_load(raw) != 0) return {nullptr, hwloc_topology_destroy};
  const std::unique_ptr<hwloc_bitmap_s, decltype(&hwloc_bitmap_free)> bound(hwloc_bitmap_alloc(),
                                                                            hwloc_bitmap_free);
  if (hwloc_get_cpubind(raw, bound.get(), HWLOC_CPUBIND_PROCESS) == 0)
    hwloc_topology_restrict(raw, bound.get(), 0);  // where that fails, the whole machine is the best guess
  return topology;
}

std::string fact(hwloc_obj_t object, const char* key) {
  const char* value = object == nullptr ? nullptr : hwloc_obj_get_info_by_name(object, key);
  return value == nullptr || *value == '\0' ? "unknown" : value;
}

Fingerprint identify(hwloc_obj_t package) {
  if (host_architecture() == Architecture::aarch64)
    return {Architecture::aarch64, fact(package, "CPUImplementer"), fact(package, "CPUArchitecture"),
            fact(package, "CPUPart"), fact(package, "CPUVariant") + "." + fact(package, "CPURevision")};
  return {host_architecture(), fact(package, "CPUVendor"), fact(package, "CPUFamilyNumber"),
          fact(package, "CPUModelNumber"), fact(package, "CPUStepping")};
}

int count(hwloc_topology_t topology, hwloc_const_cpuset_t within, hwloc_obj_type_t type) {
  return std::max(1, hwloc_get_nbobjs_inside_cpuset_by_type(topology, within, type));
}

std::vector<Cache> find_caches(hwloc_topology_t topology) {
  constexpr hwloc_obj_type_t levels[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE,
                                         HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE};
  std::vector<Cache> caches;
  for (const hwloc_obj_type_t level : levels) {
    hwloc_obj_t smallest = nullptr;
    for (hwloc_obj_t object = nullptr; (object = hwloc_get_next_obj_by_type(topology, level, object));)
      if (smallest == nullptr || object->attr->cache.size < smallest->attr->cache.size) smallest = object;
    if (smallest == nullptr) continue;
    const auto& facts = smallest->attr->cache;
    Cache cache = {static_cast<int>(facts.depth), static_cast<int64_t>(facts.size),
                   facts.linesize > 0 ? static_cast<int>(facts.linesize) : 64,
                   count(topology, smallest->cpuset, HWLOC_OBJ_CORE)};
    // Virtual machines make sizes up; an outer cache that holds no more than an inner one is of no use.
    if (cache.size_bytes > (caches.empty() ? 0 : caches.back().size_bytes)) caches.push_back(cache);
  }
  return caches;
}

std::vector<int> find_processors(hwloc_topology_t topology) {
  struct Processor {
    int thread_of_core, thrift, core, number;  // thrift: 0 for the fastest kind of core
  };
  const int kinds = std::max(hwloc_cpukinds_get_nr(topology, 0), 0);
  std::vector<Processor> found;
  hwloc_obj_t unit = nullptr;
  while ((unit = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, unit))) {
    hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, unit);
    // Kinds are numbered by their efficiency, the fastest last; -1 is unknown.
    const int kind = hwloc_cpukinds_get_by_cpuset(topology, unit->cpuset, 0);
    found.push_back({core ? static_cast<int>(unit->sibling_rank) : 0, kinds - kind,
                     static_cast<int>(core ? core->logical_index : unit->logical_index),
                     static_cast<int>(unit->os_index)});
  }
  std::ranges::sort(found, {}, [](const Processor& processor) {
    return std::tuple(processor.thread_of_core, processor.thrift, processor.core);
  });
  std::vector<int> processors;
  for (const Processor& processor : found) processors.push_back(processor.number);
  return processors;
}

int host_vector_bits(FeatureSet features) {
#if defined(__aarch64__)
  if (features.contains(Feature::sve)) return (prctl(PR_SVE_GET_VL) & PR_SVE_VL_LEN_MASK) * 8;
#endif
  return max_vector_bits(host_architecture(), features);
}

Expected<Host> detect() {
  const Topology topology = load_topology();
  if (!topology) return machine_error("cannot find out what processors this machine has (hwloc failed)");
  const hwloc_const_cpuset_t usable = hwloc_topology_get_topology_cpuset(topology.get());
  const hwloc_obj_t package = hwloc_get_obj_by_type(topology.get(), HWLOC_OBJ_PACKAGE, 0);
  Host host;
  host.fingerprint = identify(package);
  host.hardware_threads = count(topology.get(), usable, HWLOC_OBJ_PU);
  host.processors = find_processors(topology.get());
  Target& target = host.target;
  target.name = "host";
  target.description = "This machine: " + fact(package, "CPUModel");
  target.architecture = host_architecture();
  if (target.architecture != Architecture::any)
    target.llvm_triple = fmt::format("{}-unknown-linux-gnu", name(target.architecture));
  target.features = probed_features();
  target.vector_bits = host_vector_bits(target.features);
  target.vector_registers = vector_registers(target.architecture, target.features);
  target.caches = find_caches(topology.get());
  target.cores = count(topology.get(), usable, HWLOC_OBJ_CORE);
  target.sources = {"executed probes (features)", "hwloc (caches and cores)"};
  return host;
}

}  // namespace

std::string text(const Fingerprint& fingerprint) {
  return fmt::format("{}/{}/{}/{}/{}", name(fingerprint.architecture), fingerprint.vendor, fingerprint.family,
                     fingerprint.model, fingerprint.stepping);
}

const Expected<Host>& detect_host() {
  static const Expected<Host> host = detect();
  return host;
}

Expected<Target> host_target() {
  const Expected<Host>& host = detect_host();
  TERN_TRY(host);
  return host->target;
}

Status can_run(const Target& target, const Target& host) {
  if (target.architecture == Architecture::any) return {};
  if (target.architecture != host.architecture)
    return machine_error(fmt::format("{} is a target of {}, and this machine is {}", target.name,
                                     name(target.architecture), name(host.architecture)));
  std::vector<std::string_view> missing;
  for (const Feature feature : target.features - host.features) missing.push_back(name(feature));
  if (!missing.empty())
    return machine_error(
        fmt::format("{} needs {}, which this machine does not have", target.name, fmt::join(missing, ", ")));
  if (target.vector_bits > host.vector_bits)
    return machine_error(fmt::format("{} needs vectors of {} bits, and those of this machine have {}",
                                     target.name, target.vector_bits, host.vector_bits));
  // Code for SVE's wide vectors counts on their width.
  if (target.architecture == Architecture::aarch64 && target.vector_bits > 128 &&
      target.vector_bits != host.vector_bits)
    return machine_error(
        fmt::format("{} needs SVE vectors of exactly {} bits, and those of this machine have {}", target.name,
                    target.vector_bits, host.vector_bits));
  return {};
}

Expected<Target> restrict_to(const Target& target, const Target& host) {
  TERN_TRY(can_run(target, host));
  Target result = target;
  result.architecture = host.architecture;
  if (result.llvm_triple.empty()) result.llvm_triple = host.llvm_triple;
  result.caches = host.caches;
  result.cores = host.cores;
  result.memory_gigabytes_per_second = host.memory_gigabytes_per_second;
  return result;
}

}  // namespace tern::targets

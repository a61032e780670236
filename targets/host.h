// The machine at hand, as a target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "targets/target.h"

namespace tern::targets {

// Which CPU this is, as it names itself: what a measurement is valid for. Of AArch64: the implementer, the
// architecture, the part, and variant and revision. A field that the system does not tell is "unknown".
struct Fingerprint {
  Architecture architecture = Architecture::any;
  std::string vendor, family, model, stepping;
  bool operator==(const Fingerprint&) const = default;
};

// "x86_64/GenuineIntel/6/143/8"
std::string text(const Fingerprint& fingerprint);

struct Host {
  // Called "host". Its features are those whose probes ran (probe.h); its caches are the smallest of each
  // level, where cores differ; its cores are the ones that this process may use.
  Target target;
  Fingerprint fingerprint;
  int hardware_threads = 1;  // that this process may use; more than cores with simultaneous multithreading
  // These threads as the system numbers them, in the order in which to take them: one of each core before a
  // core's second, and of cores that differ the fast ones before the thrifty ones.
  std::vector<int> processors;
};

// Detects the machine, once. Fails if hwloc finds no processors.
const Expected<Host>& detect_host();

// Its target alone.
Expected<Target> host_target();

// Whether code for `target` runs on `host` (host_target(), or another machine's). The error, of kind
// machine, lists what is missing.
Status can_run(const Target& target, const Target& host);

// What to generate so that it is for `target` and runs well on `host`: the target's name, features and vector
// width, and the host's caches, cores and bandwidth. Fails where can_run does.
Expected<Target> restrict_to(const Target& target, const Target& host);

// What `--target` names where code is only shown: "host", or what load_target takes.
Expected<Target> find_target(std::string_view name_or_path);

// What `--target` names where code is run on this machine: that target, restricted to the host.
Expected<Target> find_runnable_target(std::string_view name_or_path);

}  // namespace tern::targets

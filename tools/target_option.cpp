#include "tools/target_option.h"

#include "targets/host.h"

namespace tern::tools {

void add_target_option(CLI::App& command, std::string& name) {
  command.add_option("--target", name, "CPU to generate code for: a name that `tern targets` lists, a YAML file, or host")
      ->capture_default_str();
}

Expected<targets::Target> find_target(const std::string& name) {
  return name == "host" ? targets::host_target() : targets::load_target(name);
}

Expected<targets::Target> find_runnable_target(const std::string& name) {
  const Expected<targets::Target> host = targets::host_target();
  if (!host || name == "host") return host;
  Expected<targets::Target> target = targets::load_target(name);
  if (!target) return target;
  if (const Status status = targets::can_run(*target, host->features); !status) return status.error();
  // What the machine is, less what the target lacks.
  target->caches = host->caches;
  target->cores = host->cores;
  return target;
}

}  // namespace tern::tools

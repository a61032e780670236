// What `--target` names. Apart from the detection of the host, so that a program which only wants that needs
// no reader of target files.
#include "targets/host.h"

namespace tern::targets {

Expected<Target> find_target(std::string_view name_or_path) {
  return name_or_path == "host" ? host_target() : load_target(name_or_path);
}

Expected<Target> find_runnable_target(std::string_view name_or_path) {
  const Expected<Target> host = host_target();
  if (!host || name_or_path == "host") return host;
  const Expected<Target> target = load_target(name_or_path);
  if (!target) return target;
  return restrict_to(*target, *host);
}

}  // namespace tern::targets

#include "tools/options/target_option.h"

namespace tern::tools {

void add_target_option(CLI::App& command, std::string& name) {
  command
      .add_option("--target", name,
                  "CPU to generate code for: a name that `tern targets` lists, a YAML file, or host")
      ->capture_default_str();
}

}  // namespace tern::tools

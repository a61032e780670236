// --target, which many commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "ir/expected.h"
#include "targets/target.h"

namespace tern::tools {

// Adds --target NAME: a CPU's name, a path to its YAML file, or "host".
void add_target_option(CLI::App& command, std::string& name);

// The named target; for "host", what was detected.
Expected<targets::Target> find_target(const std::string& name);

// The same, if this machine can run it.
Expected<targets::Target> find_runnable_target(const std::string& name);

}  // namespace tern::tools

// --target, which many commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace tern::tools {

// Adds --target NAME, for targets::find_target or targets::find_runnable_target.
void add_target_option(CLI::App& command, std::string& name);

}  // namespace tern::tools

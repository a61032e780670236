// tern db race: whether it matters which of several databases this machine uses.
#pragma once

#include <CLI/CLI.hpp>

namespace tern::tools {

// Adds `race` to `tern db`. As in commands.h.
void add_db_race(CLI::App& db, int& exit_code);

}  // namespace tern::tools

// The subcommands of `tern`: one function a file, each adds its options and its action to the app.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/options/exit_code.h"

namespace tern::tools {

// An action stores its ExitCode through `exit_code`.
void add_asm(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_chat(CLI::App& app, int& exit_code);
void add_compile(CLI::App& app, int& exit_code);
void add_convert(CLI::App& app, int& exit_code);
void add_db(CLI::App& app, int& exit_code);
void add_embed(CLI::App& app, int& exit_code);
void add_eval(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
void add_serve(CLI::App& app, int& exit_code);
void add_synth(CLI::App& app, int& exit_code);
void add_targets(CLI::App& app, int& exit_code);
void add_tune(CLI::App& app, int& exit_code);
void add_why(CLI::App& app, int& exit_code);

}  // namespace tern::tools

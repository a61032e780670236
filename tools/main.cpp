#include <algorithm>

#include "tools/commands.h"
#include "tools/options/foreign_options.h"
#include "tools/options/numbers.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"

int main(int argc, char** argv) {
  CLI::App app("Tern compiles, tunes and runs kernels for language models with ternary weights.", "tern");
  app.require_subcommand(1);
  app.set_version_flag("--version", TERN_VERSION);
  int exit_code = tern::tools::exit_ok;
  for (const auto add :
       {tern::tools::add_run, tern::tools::add_chat, tern::tools::add_serve, tern::tools::add_bench,
        tern::tools::add_embed, tern::tools::add_eval, tern::tools::add_tune, tern::tools::add_why,
        tern::tools::add_db, tern::tools::add_inspect, tern::tools::add_convert, tern::tools::add_asm,
        tern::tools::add_compile, tern::tools::add_synth, tern::tools::add_targets})
    add(app, exit_code);
  tern::tools::refuse_negative_numbers(app);
  return tern::tools::run_to_the_end([&]() -> int {
    try {
      auto words = tern::tools::in_own_words({argv + 1, argv + argc});
      if (!words) return tern::tools::report(words.error());
      std::ranges::reverse(*words);  // as CLI11 takes them
      app.parse(words.take());
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? tern::tools::exit_ok : tern::tools::exit_bad_input;
    }
    return exit_code;
  });
}

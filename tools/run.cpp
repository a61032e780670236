// tern run: text in, text out, with kernels compiled on this machine.
#include "tools/commands.h"
#include "tools/generate_text.h"
#include "tools/options/engine_options.h"
#include "tools/options/output_file.h"
#include "tools/tune/tune_first.h"

namespace tern::tools {

void add_run(CLI::App& app, int& exit_code) {
  struct RunFlags {
    EngineFlags engine;
    TextFlags text;
    TuneFirstFlags tune;
  };
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand("run", "Continue a prompt with a model");
  add_engine_options(*command, flags->engine);
  add_text_options(*command, flags->text);
  add_tune_first_option(*command, flags->tune);
  command->callback([flags, &exit_code] {
    const Expected<int> code = generate_text(flags->text, [&]() -> Expected<runtime::Session> {
      TERN_TRY(tune_first(flags->tune, flags->engine));
      runtime::SessionOptions options = session_options(flags->engine);
      options.tune_beside = flags->tune.background;
      return runtime::open_session(options, print_warning);
    });
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools

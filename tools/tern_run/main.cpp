// tern-run: text in, text out, with kernels that were compiled when this program was built. It needs no LLVM.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "runtime/execute/kernel_bundle.h"
#include "runtime/session/machine_threads.h"
#include "targets/host.h"
#include "tools/generate_text.h"
#include "tools/options/exit_code.h"
#include "tools/options/foreign_options.h"
#include "tools/options/model_options.h"
#include "tools/options/numbers.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"

// The build says which bundle.
extern "C" const tern_bundle TERN_RUN_BUNDLE_SYMBOL;

namespace tern::tools {
namespace {

struct Flags {
  ModelFlags model;
  TextFlags text;
  std::string target;
};

Expected<runtime::Session> load(const Flags& flags) {
  TERN_ASSIGN(const targets::Target host, targets::host_target());
  TERN_ASSIGN(runtime::BundleKernels kernels,
              runtime::bundle_kernels(TERN_RUN_BUNDLE_SYMBOL, host, flags.target));
  const size_t threads = flags.model.threads == 0 ? runtime::default_threads() : flags.model.threads;
  runtime::Session session;
  runtime::EngineOptions engine{model_options(flags.model, kernels.buckets), std::move(kernels.source),
                                threads, read_memory_supply()};
  engine.warn = print_warning;
  TERN_ASSIGN(session.engine, runtime::Engine::load(engine));
  std::ranges::for_each(session.engine->model().warnings, print_warning);
  session.kernels = fmt::format("{} compiled ahead of time", session.engine->plan().kernels().size());
  return session;
}

int run(int argc, char** argv) {
  CLI::App app("Continues a prompt with a model, by kernels that were compiled with this program.",
               "tern-run");
  app.set_version_flag("--version", TERN_VERSION);
  Flags flags;
  add_model_options(app, flags.model);
  app.add_option("--target", flags.target,
                 "Take the kernels for this CPU (default: the first that this machine can run)");
  add_text_options(app, flags.text);
  refuse_negative_numbers(app);
  try {
    auto words = in_own_words({argv + 1, argv + argc}, false);
    if (!words) return report(words.error());
    std::ranges::reverse(*words);  // as CLI11 takes them
    app.parse(words.take());
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_bad_input;
  }
  const Expected<int> code = generate_text(flags.text, [&] { return load(flags); });
  return code ? *code : report(code.error());
}

}  // namespace
}  // namespace tern::tools

int main(int argc, char** argv) {
  return tern::tools::run_to_the_end([&] { return tern::tools::run(argc, argv); });
}

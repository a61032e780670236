// tern-run: text in, text out, with kernels that were compiled when this program was built. It needs no LLVM.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "runtime/execute/kernel_bundle.h"
#include "targets/host.h"
#include "tools/generate_text.h"
#include "tools/options/exit_code.h"
#include "tools/options/model_options.h"
#include "tools/options/output_file.h"

// The build says which bundle.
extern "C" const tern_bundle TERN_RUN_BUNDLE_SYMBOL;

namespace tern::tools {
namespace {

struct Flags {
  ModelFlags model;
  TextFlags text;
  std::string target;
};

Expected<LoadedEngine> load(const Flags& flags) {
  const Expected<targets::Target> host = targets::host_target();
  if (!host) return host.error();
  Expected<runtime::BundleKernels> kernels =
      runtime::bundle_kernels(TERN_RUN_BUNDLE_SYMBOL, *host, flags.target);
  if (!kernels) return kernels.error();
  Expected<std::unique_ptr<runtime::Engine>> engine =
      load_model_with(flags.model, std::move(kernels->source), kernels->most_rows);
  if (!engine) return engine.error();
  const size_t count = (*engine)->plan().kernels().size();
  return LoadedEngine{engine.take(), fmt::format("{} compiled ahead of time", count)};
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_bad_input;
  }
  const Expected<int> code = generate_text(flags.text, [&] { return load(flags); });
  return code ? *code : report(code.error());
}

}  // namespace
}  // namespace tern::tools

int main(int argc, char** argv) {
  return tern::tools::run(argc, argv);
}

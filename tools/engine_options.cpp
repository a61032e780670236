#include "tools/engine_options.h"

#include <filesystem>

#include "autotune/database.h"
#include "targets/host.h"
#include "tools/target_option.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

// What was tuned on this CPU.
Expected<autotune::Database> load_records() {
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  return autotune::load_database(autotune::default_database(), text(host->fingerprint));
}

}  // namespace

void add_batch_option(CLI::App& command, size_t& batch) {
  command.add_option("--batch", batch, "Tokens of a prompt computed in one step; 1: token by token")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
}

void add_engine_options(CLI::App& command, EngineFlags& flags, bool with_threads) {
  add_model_options(command, flags, with_threads);
  add_target_option(command, flags.target);
  add_batch_option(command, flags.batch);
  command.add_option("--cache", flags.cache,
                     "Folder of compiled kernels (default: $TERN_CACHE or ~/.cache/tern)");
  command.add_flag("--no-cache", flags.no_cache, "Compile every kernel anew");
}

Expected<runtime::KernelChoice> kernel_choice(const targets::Target& target, std::vector<int64_t> rows) {
  Expected<autotune::Database> database = load_records();
  if (!database) return database.error();
  return runtime::KernelChoice(
      [records = database.take(), target, rows = std::move(rows)](const ir::Problem& problem) {
        return autotune::choose_kernel(records, problem, target, rows);
      });
}

Expected<std::unique_ptr<runtime::Engine>> load_engine(const EngineFlags& flags) {
  const Expected<targets::Target> target = targets::find_runnable_target(flags.target);
  if (!target) return target.error();
  const auto most_rows = static_cast<int64_t>(flags.batch);
  Expected<runtime::KernelChoice> choice = kernel_choice(*target, runtime::planned_rows(most_rows));
  if (!choice) return choice.error();
  std::optional<codegen::ObjectCache> cache;
  if (!flags.no_cache) {
    Expected<codegen::ObjectCache> opened = codegen::ObjectCache::open(
        flags.cache.empty() ? codegen::ObjectCache::default_folder() : fs::path(flags.cache));
    if (!opened) return opened.error();
    cache = opened.take();
  }
  Expected<runtime::KernelSource> kernels = runtime::jit_kernels(*target, std::move(cache), choice.take());
  if (!kernels) return kernels.error();
  return load_model_with(flags, kernels.take(), most_rows);
}

}  // namespace tern::tools

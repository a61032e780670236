#include "tools/options/engine_options.h"

#include <filesystem>

#include "targets/host.h"
#include "tools/options/target_option.h"
#include "tools/options/thread_tuning.h"

namespace tern::tools {

namespace fs = std::filesystem;

void add_batch_option(CLI::App& command, size_t& batch) {
  command.add_option("--batch", batch, "Tokens of a prompt computed in one step; 1: token by token")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
}

void add_engine_options(CLI::App& command, EngineFlags& flags, bool with_threads) {
  add_model_options(command, flags, with_threads);
  add_target_option(command, flags.target);
  add_batch_option(command, flags.batch);
  add_record_options(command, flags.records);
  command.add_option("--cache", flags.cache,
                     "Folder of compiled kernels (default: $TERN_CACHE or ~/.cache/tern)");
  command.add_flag("--no-cache", flags.no_cache, "Compile every kernel anew");
}

Expected<LoadedEngine> load_engine(const EngineFlags& flags) {
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  const Expected<targets::Target> target = targets::find_runnable_target(flags.target);
  if (!target) return target.error();
  const size_t threads = flags.threads == 0 ? default_threads() : flags.threads;
  const Expected<TunedKernels> tuned =
      load_tuned(flags.records, autotune::provenance_of(*host), *target, static_cast<int>(threads));
  if (!tuned) return tuned.error();
  std::optional<codegen::ObjectCache> cache;
  if (!flags.no_cache) {
    Expected<codegen::ObjectCache> opened = codegen::ObjectCache::open(
        flags.cache.empty() ? codegen::ObjectCache::default_folder() : fs::path(flags.cache));
    if (!opened) return opened.error();
    cache = opened.take();
  }
  Expected<runtime::KernelSource> kernels =
      runtime::jit_kernels(*target, std::move(cache), kernel_choice(*tuned));
  if (!kernels) return kernels.error();
  Expected<std::unique_ptr<runtime::Engine>> engine =
      load_model_with(flags, kernels.take(), static_cast<int64_t>(flags.batch));
  if (!engine) return engine.error();
  LoadedEngine loaded{engine.take(), {}};
  loaded.kernels = describe(*tuned, loaded.engine->plan().kernels());
  if (flags.threads != 0) return loaded;
  const runtime::Hyperparameters& model = loaded.engine->model().hyperparameters;
  if (const auto chosen = chosen_threads(tuned->database, model, *host)) {
    // They were good when they were tuned; where the system refuses them now, the usual ones do.
    loaded.threads_are_tuned = static_cast<bool>(loaded.engine->set_threads(*chosen));
    if (!loaded.threads_are_tuned)
      if (const Status status = loaded.engine->set_threads(threads); !status) return status.error();
  }
  return loaded;
}

}  // namespace tern::tools

#include "runtime/session/session.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "autotune/records/database_file.h"
#include "runtime/session/background_tuner.h"
#include "runtime/session/machine_threads.h"
#include "runtime/session/thread_tuning.h"
#include "targets/host.h"

namespace tern::runtime {
namespace {

// The folder that was named, or the default one. A default one that cannot be used is warned of: kernels are
// then compiled anew, which takes a second or two.
Expected<std::optional<codegen::ObjectCache>> open_cache(const SessionOptions& options, const Warn& warn) {
  if (options.no_cache) return std::optional<codegen::ObjectCache>();
  const bool is_named = !options.cache.empty();
  Expected<codegen::ObjectCache> cache = codegen::ObjectCache::open(
      is_named ? std::filesystem::path(options.cache) : codegen::ObjectCache::default_folder());
  if (cache) return std::optional(cache.take());
  if (is_named) return cache.error();
  if (warn) warn(cache.error().text());
  return std::optional<codegen::ObjectCache>();
}

// Creates a file of records of this machine without any, if there is no such file: a named file must exist.
Status make_if_missing(const std::filesystem::path& file, const autotune::Provenance& machine) {
  std::error_code unknown;
  if (std::filesystem::exists(file, unknown)) return {};
  return autotune::append_to_database(file, {machine, {}, {}, {}});
}

// Runs the engine on the threads that were tuned for its model's shape. False if none were, or if the system
// refuses them.
Expected<bool> use_tuned_threads(Engine& engine, const autotune::Database& records,
                                 const targets::Host& host) {
  const auto chosen = chosen_threads(records, engine.model().hyperparameters, host);
  if (!chosen) return false;
  const EngineThreads before = engine.threads();
  if (engine.set_threads(*chosen)) return true;
  // Tuned threads that the system now refuses are replaced by the default ones.
  TERN_TRY(engine.set_threads(before));
  return false;
}

}  // namespace

Expected<Session> open_session(const SessionOptions& options, const Warn& warn) {
  TERN_ASSIGN(const targets::Host host, targets::detect_host());
  TERN_ASSIGN(const targets::Target target, targets::find_runnable_target(options.target));
  const autotune::Provenance machine = autotune::provenance_of(host);
  const size_t threads = options.threads == 0 ? default_threads() : options.threads;
  const std::filesystem::path records = tuned_file(options.records.database, machine);
  if (options.tune_beside) TERN_TRY(make_if_missing(records, machine));
  TERN_ASSIGN(const TunedKernels tuned,
              load_tuned(options.records, machine, target, static_cast<int>(threads), warn));
  TERN_ASSIGN(std::optional<codegen::ObjectCache> cache, open_cache(options, warn));
  TERN_ASSIGN(KernelSource kernels, jit_kernels(target, std::move(cache), kernel_choice(tuned)));

  Session session;
  EngineOptions engine{options, std::move(kernels), threads, read_memory_supply()};
  if (!options.cache.empty()) engine.page_folder = options.cache;
  engine.warn = warn;
  TERN_ASSIGN(session.engine, Engine::load(engine));
  if (warn) std::ranges::for_each(session.engine->model().warnings, warn);
  session.kernels = describe(tuned, session.engine->plan().kernels());
  if (options.threads == 0) {
    TERN_ASSIGN(session.threads_are_tuned, use_tuned_threads(*session.engine, tuned.database, host));
  }
  if (options.tune_beside) {
    const auto tuner = std::make_shared<BackgroundTuner>(
        *session.engine,
        BackgroundOptions{target, machine, records, static_cast<int>(threads), host.processors});
    session.end_tuning = [tuner] { return tuner->end(); };
  }
  return session;
}

}  // namespace tern::runtime

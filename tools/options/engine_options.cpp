#include "tools/options/engine_options.h"

#include "tools/options/output_file.h"
#include "tools/options/target_option.h"

namespace tern::tools {

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

runtime::SessionOptions session_options(const EngineFlags& flags) {
  runtime::SessionOptions options{
      model_options(flags, kernels::RowBuckets::up_to(static_cast<int64_t>(flags.batch)))};
  options.target = flags.target;
  options.threads = flags.threads;
  options.records = flags.records;
  options.cache = flags.cache;
  options.no_cache = flags.no_cache;
  return options;
}

Expected<runtime::Session> load_engine(const EngineFlags& flags) {
  return runtime::open_session(session_options(flags), print_warning);
}

}  // namespace tern::tools

// The options of the commands that compile kernels for a model and run it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/expected.h"
#include "runtime/session/session.h"
#include "tools/options/model_options.h"
#include "tools/options/record_options.h"

namespace tern::tools {

struct EngineFlags : ModelFlags {
  std::string target = "host";
  size_t batch = kernels::default_max_rows;
  std::string cache;
  bool no_cache = false;
  runtime::RecordOptions records;
};

// Adds what add_model_options does, and --target, --batch, --database, --untuned, --cache, --no-cache.
void add_engine_options(CLI::App& command, EngineFlags& flags, bool with_threads = true);

// Adds --batch alone, the most rows that a step has.
void add_batch_option(CLI::App& command, size_t& batch);

// The options as the runtime takes them.
runtime::SessionOptions session_options(const EngineFlags& flags);

// Opens the model. Warnings go to standard error.
Expected<runtime::Session> load_engine(const EngineFlags& flags);

}  // namespace tern::tools

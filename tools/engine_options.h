// The options of the commands that compile kernels for a model and run it.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "ir/expected.h"
#include "runtime/engine.h"
#include "tools/model_options.h"

namespace tern::tools {

struct EngineFlags : ModelFlags {
  std::string target = "host";
  size_t batch = 256;
  std::string cache;
  bool no_cache = false;
};

// Adds what add_model_options does, and --target, --batch, --cache, --no-cache.
void add_engine_options(CLI::App& command, EngineFlags& flags, bool with_threads = true);

// Adds --batch alone, the most rows of A that kernels are made for.
void add_batch_option(CLI::App& command, size_t& batch);

// Loads the model. Prints the model's warnings to standard error.
Expected<std::unique_ptr<runtime::Engine>> load_engine(const EngineFlags& flags);

// Which kernel each problem gets on a target that this machine can run: one that was tuned on this CPU, if it
// is legal on the target and fits those of the other `rows` (runtime::planned_rows), else the target's
// default.
Expected<runtime::KernelChoice> kernel_choice(const targets::Target& target, std::vector<int64_t> rows);

}  // namespace tern::tools

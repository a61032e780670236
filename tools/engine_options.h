// The options of all commands that run a model.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ir/expected.h"
#include "runtime/engine.h"

namespace tern::tools {

struct EngineFlags {
  std::string model;  // empty: the model in the box
  std::string target = "host";
  size_t threads = 0;  // 0: one a core
  size_t batch = 256;
  std::string kv = "f16";
  std::string i2s_order = "128";
  std::string pre_tokenizer;
  std::string cache;
  bool no_cache = false;
};

// Adds -m, -t (unless `with_threads` is false), --target, --batch, --kv, --i2s-order, --pre, --cache,
// --no-cache.
void add_engine_options(CLI::App& command, EngineFlags& flags, bool with_threads = true);

// Loads the model. Prints the model's warnings to standard error.
Expected<std::unique_ptr<runtime::Engine>> load_engine(const EngineFlags& flags);

// Threads to use where the user does not say: one a core.
size_t default_threads();

// The path of the model in the box.
std::string default_model();

// Ids separated by commas or white space, from a file. Errors name the place of what is no id.
Expected<std::vector<uint32_t>> read_ids(const std::string& file);
Expected<std::vector<uint32_t>> parse_ids(std::string_view text, const std::string& file);

// A whole file; "-" is standard input.
Expected<std::string> read_text(const std::string& file);

// The most memory that this process has held, in bytes.
size_t peak_memory();

// Makes Ctrl-C set a flag instead of ending the process; a second one ends it.
void catch_interrupts();
bool interrupted();

}  // namespace tern::tools

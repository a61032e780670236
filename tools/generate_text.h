// Text in, text out: what `tern run` and tern-run share.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/expected.h"
#include "runtime/generate/generate.h"
#include "runtime/generate/sampler.h"
#include "runtime/session/session.h"

namespace tern::tools {

struct TextFlags {
  std::string prompt, prompt_file, ids;
  size_t tokens = 128;
  size_t context = 0;  // 0: what the model was trained for
  runtime::SamplerOptions sampling;
  std::vector<std::string> stop_strings;
  bool ignore_end = false, no_prompt = false, parse_special = false, escapes = false;
  bool stats = false, json = false;
};

// Adds the options for the prompt, for sampling and for what is printed.
void add_text_options(CLI::App& command, TextFlags& flags);

// Adds --stop, which may be given several times.
void add_stop_option(CLI::App& command, std::vector<std::string>& stop_strings);

using EngineLoader = std::function<Expected<runtime::Session>()>;

// Checks the flags, loads the model, continues the prompt and prints. An exit code.
Expected<int> generate_text(const TextFlags& flags, const EngineLoader& load);

// Speed and memory of a generation, to standard error; `load_seconds` is what loading the model took.
void print_stats(const runtime::Session& loaded, const runtime::Generation& result, double load_seconds);

}  // namespace tern::tools

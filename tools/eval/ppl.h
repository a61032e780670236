// tern eval ppl: how likely a model thinks a text is.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/expected.h"
#include "tools/eval/eval_options.h"
#include "tools/options/engine_options.h"

namespace tern::tools {

struct PplFlags {
  EngineFlags engine;
  EvalFiles files;
  WindowFlags windows;
  std::string ids;
  bool json = false;
};
void add_ppl_options(CLI::App& command, PplFlags& flags);

// Prints the perplexity of a text, or the log-probability of each token id of a file. An exit code.
Expected<int> eval_ppl(PplFlags flags);

}  // namespace tern::tools

// tern eval choices: how many questions with choices a model answers right.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/expected.h"
#include "tools/eval/eval_options.h"
#include "tools/options/engine_options.h"

namespace tern::tools {

struct ChoicesFlags {
  EngineFlags engine;
  EvalFiles files;
  std::string task, shots_file;
  size_t shots = 0, limit = 0, context = 0;
  bool json = false;
};
void add_choices_options(CLI::App& command, ChoicesFlags& flags);

// Prints acc and acc_norm. An exit code.
Expected<int> eval_choices(ChoicesFlags flags);

}  // namespace tern::tools

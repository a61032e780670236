// tern eval kl: how far one model, or one setting of a model, is from another.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/expected.h"
#include "tools/eval/eval_options.h"
#include "tools/options/engine_options.h"

namespace tern::tools {

struct KlFlags {
  EngineFlags engine;  // of A, and of B but for `with`
  std::vector<std::string> models;
  std::string with, file;
  WindowFlags windows;
  bool json = false;
};
void add_kl_options(CLI::App& command, KlFlags& flags);

// The settings of B: those of A, the model's name where there is one, and what `with` says. Errors: options
// in `with` that are none.
Expected<EngineFlags> settings_of_b(const KlFlags& flags);

// Prints KL(A || B) over the tokens of a text. An exit code.
Expected<int> eval_kl(KlFlags flags);

}  // namespace tern::tools

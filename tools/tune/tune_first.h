// tern run --tune: tunes what is missing for a model before it runs, or what it has while it runs.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/expected.h"
#include "tools/options/engine_options.h"

namespace tern::tools {

struct TuneFirstFlags {
  bool wanted = false;
  bool background = false;  // beside the run, not before it
  std::string budget = "30s";
};

// Adds --tune, --tune=TIME and --tune=background.
void add_tune_first_option(CLI::App& command, TuneFirstFlags& flags);

// Tunes the shapes of the model for which the engine would take default kernels, with progress on standard
// error, into the database that the engine will read. Nothing to do where --untuned says so or nothing is
// missing, and in the background. What is interrupted keeps what it has found.
Status tune_first(const TuneFirstFlags& flags, const EngineFlags& engine);

}  // namespace tern::tools

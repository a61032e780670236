// The options of everything that runs a model, wherever its kernels come from.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/expected.h"
#include "runtime/execute/engine.h"

namespace tern::tools {

struct ModelFlags {
  std::string model;   // empty: the model in the box
  size_t threads = 0;  // 0: those that were tuned for the model, else one a core
  std::string kv = "f16";
  std::string i2s_order = "128";
  std::string pre_tokenizer;
};

// Adds -m, -t (unless `with_threads` is false), --kv, --i2s-order, --pre.
void add_model_options(CLI::App& command, ModelFlags& flags, bool with_threads = true);

// A model that is ready to run, and where its kernels are from, for people: "15 default".
struct LoadedEngine {
  std::unique_ptr<runtime::Engine> engine;
  std::string kernels;
  bool threads_are_tuned = false;
  // If something goes on beside the model: ends that, and says in a line what it did. Called on the thread
  // that ran the engine.
  std::function<std::string()> end_beside = {};
};

// Loads the model, for steps of up to `most_rows` tokens. Prints the model's warnings to standard error.
Expected<std::unique_ptr<runtime::Engine>> load_model_with(const ModelFlags& flags,
                                                           runtime::KernelSource kernels, int64_t most_rows);

// "2 threads", "1 thread to decode, 2 for prompts, on processors 0 2".
std::string text(const runtime::EngineThreads& threads);

// Threads to use where the user does not say: one a core.
size_t default_threads();

// The path of the model in the box.
std::string default_model();

}  // namespace tern::tools

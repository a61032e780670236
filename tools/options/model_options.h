// The options of everything that runs a model, wherever its kernels come from.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "runtime/execute/engine.h"

namespace tern::tools {

struct ModelFlags {
  std::string model;   // empty: the model in the box
  size_t threads = 0;  // 0: the number tuned for the model, else one a core
  std::string kv = "f16";
  std::string i2s_order = "auto";
  std::string tile_sizes;  // a file; empty: none
  bool exact_head = false;
  runtime::Activations activations = runtime::Activations::as_trained;
  std::string pre_tokenizer;
};

// Adds -m, -t (unless `with_threads` is false), --kv, --activations, --i2s-order, --tile-sizes, --exact-head,
// --pre.
void add_model_options(CLI::App& command, ModelFlags& flags, bool with_threads = true);

// Adds --i2s-order, and tells the order that it names; nothing for "auto".
void add_i2s_order(CLI::App& command, std::string& order);
std::optional<runtime::I2sOrder> i2s_order_named(const std::string& order);

// The options as the runtime takes them, with kernels for these numbers of rows.
runtime::ModelOptions model_options(const ModelFlags& flags, kernels::RowBuckets buckets);

// "2 threads", "1 thread to decode, 2 for prompts, on processors 0 2".
std::string text(const runtime::EngineThreads& threads);

// The path of the model in the box.
std::string default_model();

}  // namespace tern::tools

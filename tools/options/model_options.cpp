#include "tools/options/model_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>

#include "tools/options/named_value.h"

namespace tern::tools {

namespace fs = std::filesystem;

namespace {

const std::map<std::string, runtime::Activations> activation_names = {
    {"auto", runtime::Activations::as_trained},
    {"f32", runtime::Activations::f32},
    {"i8", runtime::Activations::i8},
    {"i8-groups", runtime::Activations::i8_groups}};

}  // namespace

void add_model_options(CLI::App& command, ModelFlags& flags, bool with_threads) {
  command.add_option("-m,--model", flags.model,
                     "GGUF file or Hugging Face folder; the model in the box if not given");
  if (with_threads)
    command.add_option("-t,--threads", flags.threads, "Threads (default: as tuned, else one a core)")
        ->check(CLI::Range(1, 1024));
  command.add_option("--kv", flags.kv, "Elements of the key/value cache")
      ->check(CLI::IsMember({"f16", "f32"}))
      ->capture_default_str();
  add_named_value(command, "--activations", flags.activations,
                  "Activations of the layers: as the model was trained (auto), floats (f32), whole numbers "
                  "with a scale a token (i8) or a scale for each 32 (i8-groups)",
                  activation_names);
  add_i2s_order(command, flags.i2s_order);
  command
      .add_option(
          "--tile-sizes,--tile-parameters", flags.tile_sizes,
          "A kernel_config.ini of bitnet.cpp with the sizes of TL1 and TL2 tiles, which model files do "
          "not state (default: those of known shapes)")
      ->option_text("FILE");
  command.add_flag("--exact-head", flags.exact_head,
                   "Multiply a head of whole numbers (Q8_0, Q6_K, ...) with f32 activations, in order, not "
                   "with quantised ones");
  command.add_option("--pre", flags.pre_tokenizer, "Pre-tokenizer to use instead of the file's");
}

void add_i2s_order(CLI::App& command, std::string& order) {
  command
      .add_option("--i2s-order", order,
                  "Block size of I2_S weights, which files do not state: 128 (also x86), 64 (also arm: "
                  "bitnet.cpp's builds for ARM since November 2025), or as the weights show (auto)")
      ->check(CLI::IsMember({"auto", "128", "x86", "64", "arm"}))
      ->capture_default_str();
}

std::optional<runtime::I2sOrder> i2s_order_named(const std::string& order) {
  if (order == "auto") return std::nullopt;
  return order == "128" || order == "x86" ? runtime::I2sOrder::blocks_of_128
                                          : runtime::I2sOrder::blocks_of_64;
}

runtime::ModelOptions model_options(const ModelFlags& flags, kernels::RowBuckets buckets) {
  runtime::ModelOptions options;
  options.model = flags.model.empty() ? default_model() : flags.model;
  options.buckets = std::move(buckets);
  options.kv_element = flags.kv == "f16" ? runtime::CacheElement::f16 : runtime::CacheElement::f32;
  options.i2s_order = i2s_order_named(flags.i2s_order);
  options.tile_sizes = flags.tile_sizes;
  options.exact_head = flags.exact_head;
  options.activations = flags.activations;
  options.pre_tokenizer = flags.pre_tokenizer;
  return options;
}

std::string text(const runtime::EngineThreads& threads) {
  const auto count = [](size_t n) { return fmt::format("{} thread{}", n, n == 1 ? "" : "s"); };
  std::string text = count(threads.decode);
  if (threads.decode != threads.prefill) text += fmt::format(" to decode, {} for prompts", threads.prefill);
  if (!threads.processors.empty())
    text += fmt::format(", on processors {}", fmt::join(threads.processors, " "));
  return text;
}

std::string default_model() {
  constexpr const char* name = "tern-small.gguf";
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  if (!problem) {
    const fs::path installed = program.parent_path().parent_path() / "share" / "tern" / "models" / name;
    if (fs::exists(installed, problem)) return installed;
  }
  return fs::path(TERN_SOURCE_DIR) / "models" / name;
}

}  // namespace tern::tools

#include "tools/options/model_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "targets/host.h"

namespace tern::tools {

namespace fs = std::filesystem;

void add_model_options(CLI::App& command, ModelFlags& flags, bool with_threads) {
  command.add_option("-m,--model", flags.model, "GGUF file of the model; the model in the box if not given");
  if (with_threads)
    command.add_option("-t,--threads", flags.threads, "Threads (default: as tuned, else one a core)")
        ->check(CLI::Range(1, 1024));
  command.add_option("--kv", flags.kv, "Elements of the key/value cache")
      ->check(CLI::IsMember({"f16", "f32"}))
      ->capture_default_str();
  command.add_option("--i2s-order", flags.i2s_order, "Block size of I2_S weights, which files do not state")
      ->check(CLI::IsMember({"128", "64"}))
      ->capture_default_str();
  command.add_option("--pre", flags.pre_tokenizer, "Pre-tokenizer to use instead of the file's");
}

Expected<std::unique_ptr<runtime::Engine>> load_model_with(const ModelFlags& flags,
                                                           runtime::KernelSource kernels, int64_t most_rows) {
  runtime::EngineOptions options;
  options.model = flags.model.empty() ? default_model() : flags.model;
  options.kernels = std::move(kernels);
  options.threads = flags.threads == 0 ? default_threads() : flags.threads;
  options.most_rows = most_rows;
  options.kv_element = flags.kv == "f16" ? runtime::CacheElement::f16 : runtime::CacheElement::f32;
  options.i2s_order =
      flags.i2s_order == "128" ? runtime::I2sOrder::blocks_of_128 : runtime::I2sOrder::blocks_of_64;
  options.pre_tokenizer = flags.pre_tokenizer;
  Expected<std::unique_ptr<runtime::Engine>> engine = runtime::Engine::load(options);
  if (!engine) return engine;
  for (const std::string& warning : (*engine)->model().warnings)
    fmt::print(stderr, "tern: warning: {}\n", warning);
  return engine;
}

std::string text(const runtime::EngineThreads& threads) {
  const auto count = [](size_t n) { return fmt::format("{} thread{}", n, n == 1 ? "" : "s"); };
  std::string text = count(threads.decode);
  if (threads.decode != threads.prefill) text += fmt::format(" to decode, {} for prompts", threads.prefill);
  if (!threads.processors.empty())
    text += fmt::format(", on processors {}", fmt::join(threads.processors, " "));
  return text;
}

size_t default_threads() {
  const Expected<targets::Host>& host = targets::detect_host();
  if (host && host->target.cores.value_or(0) > 0) return static_cast<size_t>(*host->target.cores);
  return std::max(1u, std::thread::hardware_concurrency());
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

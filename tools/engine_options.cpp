#include "tools/engine_options.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "autotune/database.h"
#include "targets/host.h"
#include "tools/target_option.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> interrupt_seen = false;

// What was tuned on this CPU.
Expected<autotune::Database> load_records() {
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  return autotune::load_database(autotune::default_database(), text(host->fingerprint));
}

void on_interrupt(int signal) {
  interrupt_seen = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void add_engine_options(CLI::App& command, EngineFlags& flags, bool with_threads) {
  command.add_option("-m,--model", flags.model, "GGUF file of the model; the model in the box if not given");
  if (with_threads)
    command.add_option("-t,--threads", flags.threads, "Threads (default: one a core)")
        ->check(CLI::Range(1, 1024));
  add_target_option(command, flags.target);
  command.add_option("--batch", flags.batch, "Tokens of a prompt computed in one step; 1: token by token")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command.add_option("--kv", flags.kv, "Elements of the key/value cache")
      ->check(CLI::IsMember({"f16", "f32"}))
      ->capture_default_str();
  command.add_option("--i2s-order", flags.i2s_order, "Block size of I2_S weights, which files do not state")
      ->check(CLI::IsMember({"128", "64"}))
      ->capture_default_str();
  command.add_option("--pre", flags.pre_tokenizer, "Pre-tokenizer to use instead of the file's");
  command.add_option("--cache", flags.cache,
                     "Folder of compiled kernels (default: $TERN_CACHE or ~/.cache/tern)");
  command.add_flag("--no-cache", flags.no_cache, "Compile every kernel anew");
}

Expected<std::unique_ptr<runtime::Engine>> load_engine(const EngineFlags& flags) {
  Expected<targets::Target> target = targets::find_runnable_target(flags.target);
  if (!target) return target.error();
  runtime::EngineOptions options;
  options.model = flags.model.empty() ? default_model() : flags.model;
  options.target = target.take();
  options.threads = flags.threads == 0 ? default_threads() : flags.threads;
  options.most_rows = static_cast<int64_t>(flags.batch);
  options.kv_element = flags.kv == "f16" ? runtime::CacheElement::f16 : runtime::CacheElement::f32;
  options.i2s_order =
      flags.i2s_order == "128" ? runtime::I2sOrder::blocks_of_128 : runtime::I2sOrder::blocks_of_64;
  options.pre_tokenizer = flags.pre_tokenizer;
  Expected<autotune::Database> database = load_records();
  if (!database) return database.error();
  options.choose = [records = database.take(), target = options.target,
                    rows = runtime::planned_rows(options.most_rows)](const ir::Problem& problem) {
    return autotune::choose_kernel(records, problem, target, rows);
  };
  if (!flags.no_cache) {
    Expected<codegen::ObjectCache> cache = codegen::ObjectCache::open(
        flags.cache.empty() ? codegen::ObjectCache::default_folder() : fs::path(flags.cache));
    if (!cache) return cache.error();
    options.cache = cache.take();
  }
  Expected<std::unique_ptr<runtime::Engine>> engine = runtime::Engine::load(options);
  if (!engine) return engine;
  for (const std::string& warning : (*engine)->model().warnings)
    fmt::print(stderr, "tern: warning: {}\n", warning);
  return engine;
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

Expected<std::string> read_text(const std::string& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::error_code problem;
  if (fs::is_directory(file, problem)) return Error{"is a folder, not a file", {file, 0, 0}};
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{std::strerror(errno), {file, 0, 0}};
  text << in.rdbuf();
  return text.str();
}

Expected<std::vector<uint32_t>> parse_ids(std::string_view text, const std::string& file) {
  std::vector<uint32_t> ids;
  Location place{file, 1, 1};
  uint64_t value = 0;
  bool in_number = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (c >= '0' && c <= '9') {
      value = value * 10 + static_cast<uint64_t>(c - '0');
      in_number = true;
      if (value > UINT32_MAX) return Error{"the number is too large for a token", place};
    } else if (c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (in_number) ids.push_back(static_cast<uint32_t>(value));
      value = 0;
      in_number = false;
    } else {
      return Error{"expected token ids separated by commas or white space", place};
    }
    place.column = c == '\n' ? 1 : place.column + 1;
    place.line += c == '\n';
  }
  if (ids.empty()) return Error{"holds no token ids", {file, 0, 0}};
  return ids;
}

Expected<std::vector<uint32_t>> read_ids(const std::string& file) {
  const Expected<std::string> text = read_text(file);
  if (!text) return text.error();
  return parse_ids(*text, file == "-" ? "standard input" : file);
}

size_t peak_memory() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
}
bool interrupted() {
  return interrupt_seen;
}

}  // namespace tern::tools

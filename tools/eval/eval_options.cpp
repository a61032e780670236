#include "tools/eval/eval_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "tools/options/exit_code.h"
#include "tools/options/input.h"
#include "tools/options/process.h"

namespace tern::tools {

void add_eval_files(CLI::App& command, EvalFiles& files, const std::string& what) {
  command
      .add_option("files", files.names, what + " ('-': standard input); a model before it is as good as -m")
      ->type_name("[MODEL] FILE")
      ->expected(0, 2);
  command.add_option("--file", files.file, "The same by name");
}

Expected<std::string> take_files(const EvalFiles& files, std::string& model) {
  std::vector<std::string> names = files.names;
  if (!files.file.empty()) names.push_back(files.file);
  if (names.size() > 2)
    return Error{fmt::format("there is one file to read, and '{}' is one more", names[2]), {}};
  if (names.size() == 2) {
    if (!model.empty())
      return Error{
          fmt::format("-m names the model '{}', and '{}' stands where one could be", model, names[0]), {}};
    model = names[0];
  }
  return names.empty() ? std::string() : names.back();
}

void add_window_options(CLI::App& command, WindowFlags& flags) {
  command
      .add_option("--method", flags.method,
                  "How the text is cut (docs/evaluating.md): runs, each token scored once; halves, as "
                  "llama-perplexity; strided, as its --ppl-stride; sliding, as Hugging Face")
      ->check(CLI::IsMember({"runs", "halves", "strided", "sliding"}))
      ->capture_default_str();
  command
      .add_option(
          "-c,--context", flags.context,
          "Tokens a window (default: what the model was trained for; at most 512 for halves and strided)")
      ->check(CLI::Range(2, 1 << 24));
  command
      .add_option("--stride", flags.stride,
                  "Tokens from one window to the next, for strided and sliding (default: half a window)")
      ->check(CLI::Range(1, 1 << 24));
  command.add_option("--chunks", flags.chunks, "Read the first N windows (default: all)")
      ->check(CLI::Range(1, 1 << 30));
}

runtime::WindowOptions window_options(const WindowFlags& flags, size_t trained) {
  runtime::WindowOptions options;
  options.method = runtime::find_window_method(flags.method).value_or(runtime::WindowMethod::runs);
  options.context = flags.context;
  if (options.context == 0) {
    const bool as_llama =
        options.method == runtime::WindowMethod::halves || options.method == runtime::WindowMethod::strided;
    options.context = as_llama ? std::min<size_t>(trained, 512) : trained;
  }
  options.stride = flags.stride;
  options.max_windows = flags.chunks;
  return options;
}

Expected<runtime::CutText> read_windows(const std::string& file, std::string& text,
                                        const runtime::Tokenizer& tokenizer,
                                        const runtime::WindowOptions& options) {
  TERN_ASSIGN(text, read_text(file));
  if (text.empty()) return Error{"is empty", {file, 0, 0}};
  Expected<runtime::CutText> cut = runtime::cut_text(tokenizer, text, options);
  if (!cut) return Error{cut.error().message, {file, 0, 0}, cut.error().kind};
  return cut;
}

ProgressLine::ProgressLine() : is_terminal_(isatty(STDERR_FILENO) != 0) {
  catch_interrupts();
}

bool ProgressLine::show(const std::function<std::string()>& text) {
  const double now =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (is_terminal_ && now - last_ > 0.1) {
    fmt::print(stderr, "\r\x1b[K{}", text());
    std::fflush(stderr);
    shown_ = true;
    last_ = now;
  }
  return !interrupted();
}

void ProgressLine::clear() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

std::string plus_minus(double error, int digits) {
  return std::isnan(error) ? std::string() : fmt::format(" +- {:.{}f}", error, digits);
}

int finish(bool complete, std::string_view of_what) {
  if (complete) return exit_ok;
  std::fflush(stdout);
  fmt::print(stderr, "tern: interrupted: the figures are those of {}\n", of_what);
  return exit_interrupted;
}

}  // namespace tern::tools

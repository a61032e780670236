// What the subcommands of `tern eval` share: the text, how it is cut, progress and interruption.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/generate/text_windows.h"
#include "tools/options/engine_options.h"

namespace tern::tools {

// `[MODEL] FILE`, which can be given as -m and --file too.
struct EvalFiles {
  std::vector<std::string> names;
  std::string file;
};
void add_eval_files(CLI::App& command, EvalFiles& files, const std::string& what);

// The file to read; stores the model in `model` if it was named before the file. Errors: no file, more names
// than places, two models.
Expected<std::string> take_files(const EvalFiles& files, std::string& model);

// --method, --context, --stride, --chunks.
struct WindowFlags {
  std::string method = "runs";
  size_t context = 0, stride = 0, chunks = 0;
};
void add_window_options(CLI::App& command, WindowFlags& flags);

// The options for a model that was trained for `trained` tokens. The default context is that number, but at
// most 512 for the methods of llama-perplexity, whose default it is.
runtime::WindowOptions window_options(const WindowFlags& flags, size_t trained);

// Reads a text and cuts it; errors have the file's name.
Expected<runtime::CutText> read_windows(const std::string& file, std::string& text,
                                        const runtime::Tokenizer& tokenizer,
                                        const runtime::WindowOptions& options);

// A line on standard error that overwrites itself, if standard error is a terminal. From its beginning to its
// end Ctrl-C sets a flag (catch_interrupts) instead of ending the process.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  // Shows what `text` gives, at most ten times a second. False once Ctrl-C was pressed.
  bool show(const std::function<std::string()>& text);
  void clear();

 private:
  bool is_terminal_, shown_ = false;
  double last_ = 0;  // seconds
};

// " +- 0.0123" with as many digits after the point; nothing of NaN, which is the error of a single value.
std::string plus_minus(double error, int digits);

// Says on standard error of what the printed figures are if they are not of all; the exit code.
int finish(bool complete, std::string_view of_what);

}  // namespace tern::tools

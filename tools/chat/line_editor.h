// Lines edited at a terminal, by libedit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/chat/typed_line.h"

namespace tern::tools {

// What may follow the text before the cursor, each as the text to insert there.
using Completions = std::function<std::vector<std::string>(std::string_view before_cursor)>;

// Reads lines from standard input, with editing, a history (arrows, Ctrl-R) and completion by Tab; the user's
// ~/.editrc counts. Text is UTF-8 whatever the locale. Ctrl-C drops the line, Ctrl-Z stops the process.
class LineEditor {
 public:
  // Null where there is no editing: Tern was built without libedit, the terminal has no cursor to move (TERM
  // is not set, or "dumb"), or the C library has no UTF-8. `history`: former lines, the oldest first.
  static std::unique_ptr<LineEditor> make(Completions completions, const std::vector<std::string>& history);

  virtual ~LineEditor() = default;

  // The next line after `prompt`, which is ASCII.
  virtual TypedLine read(std::string_view prompt) = 0;
  // Adds a line to the history.
  virtual void remember(const std::string& line) = 0;
};

}  // namespace tern::tools

// The prompt of `tern chat`: where questions and commands come from.
#pragma once

#include <memory>
#include <string>

#include "tools/chat/line_editor.h"
#include "tools/chat/typed_line.h"

namespace tern::tools {

class ChatPrompt {
 public:
  // At a terminal lines are edited where LineEditor can do that. What is typed is kept in the file `history`
  // for the next run; an empty name keeps nothing. A file that cannot be used is a warning, once.
  ChatPrompt(bool terminal, std::string history);

  // The next question or command; of kind text or end. Ctrl-C drops what was typed; on an empty line, and
  // after another Ctrl-C at the prompt, it is the end.
  TypedLine next();

 private:
  TypedLine read_line(bool more);
  void keep(const std::string& line);
  void give_up_history(const std::string& why);

  bool terminal_;
  std::string history_;
  std::unique_ptr<LineEditor> editor_;
};

}  // namespace tern::tools

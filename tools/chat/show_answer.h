// An answer on the screen while it arrives: what `tern chat` and `tern run --chat` share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/expected.h"
#include "runtime/chat/chat_session.h"
#include "runtime/model/model.h"

namespace tern::tools {

// What the help says of --template.
extern const char* const template_help;

// The template that `name` chooses: a file if it has a "." or "/" in its name, else a built-in one; the
// model's own if it is empty. Errors: those of runtime::choose_template, and a file that cannot be read.
Expected<runtime::ChatTemplate> chosen_template(const std::string& name, const runtime::Model& model);

struct AnswerLook {
  // Thoughts are dimmed by an escape sequence; control characters of the text are written out.
  bool terminal = false;
  bool hide_thoughts = false;
  bool survives_interrupts = false;            // a second Ctrl-C does not end the process either
  std::vector<std::string> stop_strings = {};  // the answer ends before the first of them
};

// Answers the conversation and prints the answer to standard output, a line end after it, and why it ended
// early to standard error. Ctrl-C ends it. Templates are given this moment's local time.
Expected<runtime::Answer> show_answer(runtime::ChatSession& session,
                                      const runtime::Conversation& conversation, std::optional<bool> thinking,
                                      const runtime::GenerateOptions& options, const AnswerLook& look);

}  // namespace tern::tools

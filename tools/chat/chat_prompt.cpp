#include "tools/chat/chat_prompt.h"

#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "tools/chat/chat_commands.h"
#include "tools/chat/chat_history.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"

namespace tern::tools {

ChatPrompt::ChatPrompt(bool terminal, std::string history)
    : terminal_(terminal), history_(std::move(history)) {
  if (!terminal_) return;
  std::vector<std::string> lines;
  if (!history_.empty()) {
    Expected<std::vector<std::string>> kept = load_chat_history(history_);
    if (kept) {
      lines = kept.take();
    } else {
      give_up_history(kept.error().text());
    }
  }
  editor_ = LineEditor::make(complete_chat_command, lines);
}

void ChatPrompt::give_up_history(const std::string& why) {
  print_warning(fmt::format("the lines of this chat are not kept for the next one: {}", why));
  history_.clear();
}

void ChatPrompt::keep(const std::string& line) {
  if (line.find_first_not_of(" \t") == line.npos) return;
  editor_->remember(line);
  if (history_.empty()) return;
  const Status kept = append_chat_history(history_, line);
  if (!kept) give_up_history(kept.error().text());
}

TypedLine ChatPrompt::read_line(bool more) {
  const char* prompt = more ? ". " : "> ";
  if (editor_) {
    TypedLine line = editor_->read(prompt);
    if (line.kind == TypedLine::Kind::text) keep(line.text);
    return line;
  }
  if (terminal_) {
    forget_interrupts();
    fmt::print("{}", prompt);
    std::fflush(stdout);
  }
  TypedLine line;
  if (!std::getline(std::cin, line.text)) line.kind = TypedLine::Kind::end;
  return line;
}

TypedLine ChatPrompt::next() {
  bool cancelled = false;
  while (true) {
    TypedLine entry = read_entry([this](bool more) { return read_line(more); });
    if (entry.kind != TypedLine::Kind::cancelled) return entry;
    if (entry.text.empty()) {
      if (cancelled) return {TypedLine::Kind::end, {}};
      fmt::print("(Ctrl-C again, or Ctrl-D, leaves)\n");
    }
    cancelled = true;
  }
}

}  // namespace tern::tools

// What a user types at the prompt of `tern chat`: questions, and commands that begin with "/".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/chat/typed_line.h"

namespace tern::tools {

struct ChatCommand {
  std::string name;      // without the "/"
  std::string argument;  // what follows it, trimmed
};

// The command that a line is; nothing for a question.
std::optional<ChatCommand> parse_chat_command(std::string_view line);

// The text of /help.
std::string_view chat_help();

// The path with a "~/" in front replaced by the home folder, if $HOME says which.
std::string with_home(const std::string& path);

// What may follow a line that begins a command, each as the text to insert: the rest of a command's name and
// a blank, of "on" or "off" after /think, of a file's name after /save and /load. File names that a terminal
// would not show as they are have no completion. In other lines: a tab.
std::vector<std::string> complete_chat_command(std::string_view before_cursor);

// Reads a line. `more` is true for a line that continues another.
using ReadLine = std::function<TypedLine(bool more)>;

// Reads a question or a command: one line; or several, each but the last ending in a backslash; or a block
// between lines of three double quotes. Cancelled if one of the lines is.
TypedLine read_entry(const ReadLine& read_line);

}  // namespace tern::tools

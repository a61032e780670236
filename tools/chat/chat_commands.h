// What a user types at the prompt of `tern chat`: questions, and commands that begin with "/".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tern::tools {

struct ChatCommand {
  std::string name;      // without the "/"
  std::string argument;  // what follows it, trimmed
};

// The command that a line is; nothing for a question.
std::optional<ChatCommand> parse_chat_command(std::string_view line);

// The text of /help.
std::string_view chat_help();

// Reads a line; nothing at the end of the input. `more` is true for a line that continues another.
using ReadLine = std::function<std::optional<std::string>(bool more)>;

// Reads a question or a command: one line; or several, each but the last ending in a backslash; or a block
// between lines of three double quotes. Nothing at the end of the input.
std::optional<std::string> read_entry(const ReadLine& read_line);

}  // namespace tern::tools

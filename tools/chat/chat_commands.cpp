#include "tools/chat/chat_commands.h"

namespace tern::tools {
namespace {

constexpr std::string_view blanks = " \t\r\n", fence = "\"\"\"";

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

}  // namespace

std::optional<ChatCommand> parse_chat_command(std::string_view line) {
  if (!line.starts_with('/')) return std::nullopt;
  const size_t end = std::min(line.find_first_of(blanks), line.size());
  return ChatCommand{std::string(line.substr(1, end - 1)), trimmed(line.substr(end))};
}

std::string_view chat_help() {
  return R"(/help            this text
/system TEXT     begin anew with this system text
/reset           forget the conversation, but not the system text
/save FILE       write the conversation as JSON
/load FILE       go on with a conversation from a file
/stats           tokens, speed and room left
/regenerate      answer the last question once more
/think on|off    whether the model may think first, if its template knows enable_thinking
/quit            leave (or Ctrl-D)
A line that ends in \ goes on in the next one; lines between """ and """ are one text.
Ctrl-C stops an answer; pressed again before the next answer, it leaves.
)";
}

std::optional<std::string> read_entry(const ReadLine& read_line) {
  std::optional<std::string> line = read_line(false);
  if (!line) return std::nullopt;
  if (trimmed(*line).starts_with(fence)) {
    std::string text = trimmed(*line).substr(fence.size());
    while (!text.ends_with(fence)) {
      line = read_line(true);
      if (!line) return text;
      text += '\n' + *line;
      while (text.ends_with(' ') || text.ends_with('\t')) text.pop_back();
    }
    text.resize(text.size() - fence.size());
    return trimmed(text);
  }
  std::string text = *line;
  while (text.ends_with('\\')) {
    text.back() = '\n';
    line = read_line(true);
    if (!line) break;
    text += *line;
  }
  return text;
}

}  // namespace tern::tools

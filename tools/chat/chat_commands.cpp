#include "tools/chat/chat_commands.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tools/options/terminal_text.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view blanks = " \t\r\n", fence = "\"\"\"";
constexpr std::string_view command_names[] = {"help", "load",  "quit",   "regenerate", "reset",
                                              "save", "stats", "system", "think"};

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

// What completes `begun` to each of the words, with `after` behind them.
template <class Words>
std::vector<std::string> completions_of(std::string_view begun, const Words& words, std::string_view after) {
  std::vector<std::string> rests;
  for (const auto& word : words) {
    if (std::string_view(word).starts_with(begun))
      rests.push_back(std::string(std::string_view(word).substr(begun.size())) + std::string(after));
  }
  return rests;
}

std::vector<std::string> file_completions(const std::string& begun) {
  constexpr size_t most_entries = 10'000;
  const size_t slash = begun.rfind('/');
  const std::string folder = slash == begun.npos ? "." : begun.substr(0, slash + 1);
  const std::string name = slash == begun.npos ? begun : begun.substr(slash + 1);
  std::vector<std::string> names;
  std::error_code problem;
  fs::directory_iterator entry(with_home(folder), problem);
  for (size_t count = 0; !problem && entry != fs::directory_iterator() && count < most_entries; ++count) {
    std::string found = entry->path().filename().string();
    std::error_code unknown;
    if (fs::is_directory(entry->path(), unknown)) found += '/';
    const bool hidden = found.starts_with('.') && !name.starts_with('.');
    if (!hidden && terminal_text(found) == found && found.find('\n') == found.npos)
      names.push_back(std::move(found));
    entry.increment(problem);
  }
  std::sort(names.begin(), names.end());
  return completions_of(name, names, "");
}

}  // namespace

std::string with_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || !path.starts_with("~/")) return path;
  return home + path.substr(1);
}

std::vector<std::string> complete_chat_command(std::string_view before_cursor) {
  if (!before_cursor.starts_with('/')) return {"\t"};
  const size_t blank = before_cursor.find_first_of(blanks);
  if (blank == before_cursor.npos) return completions_of(before_cursor.substr(1), command_names, " ");
  const std::string_view name = before_cursor.substr(1, blank - 1);
  const std::string_view rest = before_cursor.substr(blank);
  const std::string argument(rest.substr(std::min(rest.find_first_not_of(blanks), rest.size())));
  if (name == "think") {
    constexpr std::string_view states[] = {"on", "off"};
    return completions_of(argument, states, "");
  }
  if (name == "save" || name == "load") return file_completions(argument);
  return {};
}

std::optional<ChatCommand> parse_chat_command(std::string_view line) {
  if (!line.starts_with('/')) return std::nullopt;
  const size_t end = std::min(line.find_first_of(blanks), line.size());
  return ChatCommand{std::string(line.substr(1, end - 1)), trimmed(line.substr(end))};
}

std::string_view chat_help() {
  return R"(/help            this text
/system [TEXT]   begin anew with this system text, or without one
/reset           forget the conversation, but not the system text
/save FILE       write the conversation as JSON; a file that is there is replaced
/load FILE       go on with a conversation from a file
/stats           tokens, speed and room left
/regenerate      answer the last question once more
/think on|off    whether the model may think first, if its template knows enable_thinking
/quit            leave (or Ctrl-D)
A line that ends in \ goes on in the next one; lines between """ and """ are one text.
Ctrl-C stops an answer, or drops the line; twice on an empty line it leaves.
)";
}

TypedLine read_entry(const ReadLine& read_line) {
  TypedLine line = read_line(false);
  if (line.kind != TypedLine::Kind::text) return line;
  std::string text = std::move(line.text);
  if (trimmed(text).starts_with(fence)) {
    text = trimmed(text).substr(fence.size());
    while (!text.ends_with(fence)) {
      line = read_line(true);
      if (line.kind == TypedLine::Kind::cancelled) return {line.kind, text + '\n' + line.text};
      if (line.kind == TypedLine::Kind::end) return {TypedLine::Kind::text, text};
      text += '\n' + line.text;
      while (text.ends_with(' ') || text.ends_with('\t')) text.pop_back();
    }
    text.resize(text.size() - fence.size());
    return {TypedLine::Kind::text, trimmed(text)};
  }
  while (text.ends_with('\\')) {
    text.back() = '\n';
    line = read_line(true);
    if (line.kind == TypedLine::Kind::cancelled) return {line.kind, text + line.text};
    if (line.kind == TypedLine::Kind::end) break;
    text += line.text;
  }
  return {TypedLine::Kind::text, text};
}

}  // namespace tern::tools

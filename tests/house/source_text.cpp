#include "source_text.h"

#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>

namespace tern::house {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

bool has_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = !is_word(word.front()) || at == 0 || !is_word(text[at - 1]);
    const bool ends = !is_word(word.back()) || end == text.size() || !is_word(text[end]);
    if (begins && ends) return true;
  }
  return false;
}

// The text between the braces of the definition that begins with `head`, such as "enum class Op".
std::string_view body_of(std::string_view text, std::string_view head) {
  for (size_t at = text.find(head); at != std::string_view::npos; at = text.find(head, at + 1)) {
    const size_t end = at + head.size(), open = text.find('{', at), close = text.find("};", at);
    if (end < text.size() && is_word(text[end])) continue;
    if (open == std::string_view::npos || close == std::string_view::npos || text.find(';', at) < open)
      continue;
    return text.substr(open + 1, close - open - 1);
  }
  return {};
}

// A line as its code and its comment, both trimmed.
struct Line {
  std::string_view code, comment;
};
Line parse_line(std::string_view line) {
  const size_t slashes = line.find("//");
  if (slashes == std::string_view::npos) return {trimmed(line), {}};
  return {trimmed(line.substr(0, slashes)), trimmed(line.substr(slashes + 2))};
}

template <class Function>
void for_each_line(std::string_view text, Function&& function) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    function(parse_line(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

void append(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += ' ';
  text += more;
}

}  // namespace

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string without_comments(std::string_view code) {
  std::string kept;
  for_each_line(code, [&](const Line& line) { kept.append(line.code).append("\n"); });
  return kept;
}

bool holds_term(std::string_view text, std::string_view term) {
  if (has_word(text, term)) return true;
  const size_t colons = term.find("::");
  if (colons == std::string_view::npos) return false;
  const std::string head = "enum class " + std::string(term.substr(0, colons));
  return has_word(body_of(text, head), term.substr(colons + 2));
}

std::vector<Commented> enumerators(std::string_view header, std::string_view name) {
  std::vector<Commented> all;
  bool is_continued = false;
  for_each_line(body_of(header, "enum class " + std::string(name)), [&](const Line& line) {
    if (line.code.empty()) {
      if (is_continued && !all.empty()) append(all.back().comment, line.comment);
      return;
    }
    // Several names may stand on one line: the comment is the last one's.
    for (std::string_view rest = line.code; !rest.empty();) {
      const size_t comma = rest.find(',');
      const std::string_view one = rest.substr(0, comma);
      all.push_back({std::string(trimmed(one.substr(0, one.find('=')))), {}, {}});
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
      rest = trimmed(rest);
    }
    append(all.back().comment, line.comment);
    is_continued = !line.comment.empty();
  });
  return all;
}

std::vector<Commented> fields(std::string_view header, std::string_view name) {
  std::vector<Commented> all;
  std::string before;
  for_each_line(body_of(header, "struct " + std::string(name)), [&](const Line& line) {
    const size_t equals = line.code.find(" = ");
    if (line.code.empty()) {
      if (line.comment.empty())
        before.clear();
      else
        append(before, line.comment);
      return;
    }
    if (equals != std::string_view::npos && line.code.ends_with(';') &&
        line.code.find('(') == std::string_view::npos) {
      const std::string_view declared = line.code.substr(0, equals);
      const std::string_view initial = line.code.substr(equals + 3, line.code.size() - equals - 4);
      all.push_back({std::string(declared.substr(declared.rfind(' ') + 1)),
                     line.comment.empty() ? before : std::string(line.comment), std::string(initial)});
    }
    before.clear();
  });
  return all;
}

std::string comment_before(std::string_view header, std::string_view declaration) {
  std::string before, found;
  for_each_line(header, [&](const Line& line) {
    if (line.code.empty() && !line.comment.empty()) return append(before, line.comment);
    if (line.code.starts_with(declaration) && found.empty()) found = before;
    before.clear();
  });
  return found;
}

}  // namespace tern::house

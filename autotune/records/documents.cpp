#include "autotune/records/documents.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"

namespace tern::autotune {
namespace {

constexpr std::string_view beginning = "---", end_line = "...\n";

// Takes the first line off the text, with its end.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
  text.remove_prefix(line.size());
  return line;
}

// The word up to `end`, which goes with it; empty if `end` is not there.
std::string_view take_word(std::string_view& text, std::string_view end) {
  const size_t length = text.find(end);
  if (length == std::string_view::npos) return {};
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(length + end.size());
  return word;
}

bool is_comment(std::string_view line) {
  return line.starts_with('#') || line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string header(const Document& document) {
  // Whose a document is counts as much as what it says.
  std::string guarded = fmt::format("{}\n{}\n", document.kind, document.machine);
  guarded += document.body;
  return fmt::format("{} # {} of {}, checksum {:016x}\n", beginning, document.kind, document.machine,
                     fnv1a(guarded));
}

}  // namespace

std::string print(const Document& document) {
  std::string text = header(document);
  text += document.body;
  return text += end_line;
}

bool Stretch::begins_as(std::string_view kind) const {
  return text.starts_with(fmt::format("{} # {} ", beginning, kind));
}

std::vector<Stretch> split(std::string_view text) {
  std::vector<Stretch> stretches;
  const char* start = text.data();  // of the stretch that is being read
  int line_number = 0, start_line = 1;
  bool in_document = false, only_comments = true;
  const auto finish = [&](const char* end) {
    if (in_document || !only_comments)
      stretches.push_back({{start, static_cast<size_t>(end - start)}, start_line});
    start = end;
    start_line = line_number + 1;
    in_document = false;
    only_comments = true;
  };
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.starts_with(beginning)) {
      finish(line.data());
      in_document = true;
    }
    ++line_number;
    only_comments = only_comments && is_comment(line);
    if (in_document && line == end_line) finish(text.data());
  }
  finish(text.data());
  return stretches;
}

Expected<Document> read_document(const Stretch& stretch, const std::string& file) {
  const Location place{file, stretch.line, 0};
  std::string_view rest = stretch.text;
  const std::string_view first = take_line(rest);
  std::string_view words = first;
  take_word(words, "# ");
  Document document{take_word(words, " of "), take_word(words, ", "), rest, stretch.line + 1};
  if (!first.starts_with(beginning) || document.kind.empty() || document.machine.empty())
    return Error{"is no document of a database", place};
  if (!rest.ends_with(end_line)) return Error{"the document has lost its end, '...'", place};
  document.body.remove_suffix(end_line.size());
  if (header(document) != first)
    return Error{"the document was changed after it was written: its checksum does not fit", place};
  return document;
}

}  // namespace tern::autotune

#include "touched_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <regex>

#include "source_text.h"

namespace tern::house {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 10> folders = {"base",     "ir",      "targets", "codegen", "kernels",
                                                      "autotune", "runtime", "serve",   "tools",   "bench"};

// The code of each source file, by its path from the root. Targets are data that names features.
using Sources = std::map<std::string, std::string>;
Sources read_sources(const fs::path& root) {
  Sources sources;
  for (const std::string_view folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      const fs::path extension = entry.path().extension();
      const std::string path = entry.path().lexically_relative(root).generic_string();
      if (extension == ".h" || extension == ".cpp") sources[path] = without_comments(read_text(entry.path()));
      if (extension == ".yaml") sources[path] = read_text(entry.path());
    }
  }
  return sources;
}

std::vector<std::string> in_backticks(const std::string& text) {
  static const std::regex quoted("`([^`]+)`");
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), quoted), end; match != end; ++match)
    found.push_back((*match)[1]);
  return found;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

using Terms = std::vector<std::string>;

struct Row {
  std::string title;  // of the section: "A packing"
  std::vector<Terms> examples;
  size_t each = 0, some = 0;
};

std::vector<Row> parse_table(const std::vector<std::string>& lines) {
  static const std::regex pattern(R"(\| \[([^\]]+)\]\(#[^)]*\) \| (.*) \| (\d+) \| (\d+) \|)");
  std::vector<Row> rows;
  for (const std::string& line : lines) {
    std::smatch cells;
    if (!std::regex_match(line, cells, pattern)) continue;
    Row row{cells[1], {}, std::stoul(cells[3]), std::stoul(cells[4])};
    row.title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(row.title[0])));
    for (const std::string& example : split(cells[2].str(), ';'))
      row.examples.push_back(in_backticks(example));
    rows.push_back(std::move(row));
  }
  return rows;
}

// The paths of a section's list.
struct Listed {
  std::vector<std::string> each, some;
};

Listed parse_section(const std::vector<std::string>& lines, const std::string& title) {
  static const std::regex numbered(R"(\d+\. .*)");
  Listed listed;
  bool inside = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("## ")) inside = lines[i] == "## " + title;
    const bool has_number = std::regex_match(lines[i], numbered);
    if (!inside || !(has_number || lines[i].starts_with("- "))) continue;
    std::string item = lines[i];
    for (size_t more = i + 1; more < lines.size() && lines[more].starts_with("  "); ++more)
      item += lines[more];
    for (const std::string& path : in_backticks(item.substr(0, item.find(": ")))) {
      if (path.find('/') != std::string::npos) (has_number ? listed.each : listed.some).push_back(path);
    }
  }
  return listed;
}

bool is_path_of(const std::string& listed, const std::string& path) {
  const size_t name = listed.find("NAME");
  if (name == std::string::npos) return listed == path;
  const std::string_view before = std::string_view(listed).substr(0, name);
  const std::string_view after = std::string_view(listed).substr(name + 4);
  if (path.size() <= before.size() + after.size()) return false;
  const std::string word = path.substr(before.size(), path.size() - before.size() - after.size());
  return path.starts_with(before) && path.ends_with(after) && word.find('/') == std::string::npos;
}

bool is_among(const std::vector<std::string>& listed, const std::string& path) {
  return std::ranges::any_of(listed, [&](const std::string& one) { return is_path_of(one, path); });
}

std::vector<std::string> files_with(const Sources& sources, const Terms& terms) {
  std::vector<std::string> files;
  for (const auto& [path, text] : sources) {
    if (std::ranges::any_of(terms,
                            [&text = text](const std::string& term) { return holds_term(text, term); }))
      files.push_back(path);
  }
  return files;
}

void check(const Row& row, const Listed& listed, const Sources& sources, std::vector<std::string>& faults) {
  const auto fault = [&](std::string text) { faults.push_back(fmt::format("{}: {}", row.title, text)); };
  std::vector<std::string> unused = listed.some;
  for (const Terms& terms : row.examples) {
    const std::vector<std::string> files = files_with(sources, terms);
    const std::string example = fmt::format("{}", fmt::join(terms, ", "));
    for (const std::string& path : listed.each) {
      if (std::ranges::none_of(files, [&](const std::string& file) { return is_path_of(path, file); }))
        fault(fmt::format("{} does not hold {}", path, example));
    }
    for (const std::string& file : files) {
      std::erase_if(unused, [&](const std::string& path) { return is_path_of(path, file); });
      if (!is_among(listed.each, file) && !is_among(listed.some, file))
        fault(fmt::format("{} holds {} and is not on the list", file, example));
    }
  }
  for (const std::string& path : unused) fault(fmt::format("{} holds none of the examples", path));
  if (listed.each.size() != row.each || listed.some.size() != row.some)
    fault(fmt::format("the table says {} and {} files, the list {} and {}", row.each, row.some,
                      listed.each.size(), listed.some.size()));
}

}  // namespace

std::vector<std::string> untrue_lists(std::string_view page, const fs::path& root) {
  const std::vector<std::string> lines = split(page, '\n');
  const Sources sources = read_sources(root);
  std::vector<std::string> faults;
  for (const Row& row : parse_table(lines)) check(row, parse_section(lines, row.title), sources, faults);
  return faults;
}

}  // namespace tern::house

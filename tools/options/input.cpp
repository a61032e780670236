#include "tools/options/input.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/system_error.h"

namespace tern::tools {

namespace fs = std::filesystem;

Expected<std::string> read_text(const std::string& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::error_code problem;
  if (fs::is_directory(file, problem)) return Error{"is a folder, not a file", {file, 0, 0}};
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{std::strerror(errno), {file, 0, 0}, kind_of_errno(errno)};
  text << in.rdbuf();
  return text.str();
}

Expected<std::vector<uint32_t>> parse_ids(std::string_view text, const std::string& file) {
  std::vector<uint32_t> ids;
  Location at{file, 1, 1};
  uint64_t value = 0;
  bool in_number = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (c >= '0' && c <= '9') {
      value = value * 10 + static_cast<uint64_t>(c - '0');
      in_number = true;
      if (value > UINT32_MAX) return Error{"the number is too large for a token", at};
    } else if (c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (in_number) ids.push_back(static_cast<uint32_t>(value));
      value = 0;
      in_number = false;
    } else {
      return Error{"expected token ids separated by commas or white space", at};
    }
    at.column = c == '\n' ? 1 : at.column + 1;
    at.line += c == '\n';
  }
  if (ids.empty()) return Error{"holds no token ids", {file, 0, 0}};
  return ids;
}

Expected<std::vector<uint32_t>> read_ids(const std::string& file) {
  TERN_ASSIGN(const std::string text, read_text(file));
  return parse_ids(text, file == "-" ? "standard input" : file);
}

}  // namespace tern::tools

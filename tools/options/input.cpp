#include "tools/options/input.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/system_error.h"

namespace tern::tools {

namespace fs = std::filesystem;

namespace {

// All of a stream that ends within 64 MiB.
Expected<std::string> read_all(std::istream& in, const std::string& name) {
  constexpr size_t most = size_t{1} << 26, piece = size_t{1} << 16;
  std::string text;
  while (in && text.size() <= most) {
    const size_t before = text.size();
    text.resize(before + piece);
    in.read(text.data() + before, piece);
    text.resize(before + static_cast<size_t>(in.gcount()));
  }
  if (text.size() > most) return Error{"is longer than 64 MiB, the limit of a text", {name}};
  if (in.bad()) return machine_error("cannot be read", {name});
  return text;
}

}  // namespace

bool is_piped_in() {
  struct stat input {};
  if (fstat(STDIN_FILENO, &input) != 0) return false;
  return S_ISREG(input.st_mode) || S_ISFIFO(input.st_mode) || S_ISSOCK(input.st_mode);
}

std::string unescaped(std::string_view text) {
  constexpr std::string_view letters = "ntr\"'\\", characters = "\n\t\r\"'\\";
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t letter =
        text[i] == '\\' && i + 1 < text.size() ? letters.find(text[i + 1]) : std::string_view::npos;
    result += letter == std::string_view::npos ? text[i] : characters[letter];
    i += letter != std::string_view::npos;
  }
  return result;
}

Expected<std::string> read_text(const std::string& file) {
  if (file == "-") return read_all(std::cin, "standard input");
  std::error_code problem;
  if (fs::is_directory(file, problem)) return Error{"is a folder, not a file", {file, 0, 0}};
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{std::strerror(errno), {file, 0, 0}, kind_of_errno(errno)};
  return read_all(in, file);
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

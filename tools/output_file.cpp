#include "tools/output_file.h"

#include <fmt/format.h>

#include <cstdio>

#include "tools/commands.h"

namespace tern::tools {

int report(const Error& error) {
  fmt::print(stderr, "tern: {}\n", error.text());
  return exit_bad_input;
}

int write_output(const std::string& file, std::string_view content) {
  if (file.empty()) {
    const bool written = std::fwrite(content.data(), 1, content.size(), stdout) == content.size();
    return written && std::fflush(stdout) == 0 ? exit_ok : exit_failed;
  }
  const std::string temporary = file + ".writing";
  std::FILE* out = std::fopen(temporary.c_str(), "wb");
  if (!out) return report({"cannot be written", {file, 0, 0}});
  const bool written = std::fwrite(content.data(), 1, content.size(), out) == content.size();
  if (std::fclose(out) == 0 && written && std::rename(temporary.c_str(), file.c_str()) == 0) return exit_ok;
  std::remove(temporary.c_str());
  fmt::print(stderr, "tern: {}: could not be written whole\n", file);
  return exit_failed;
}

}  // namespace tern::tools

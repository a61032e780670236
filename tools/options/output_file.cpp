#include "tools/options/output_file.h"

#include <fmt/format.h>

#include <cstdio>
#include <span>

#include "base/atomic_file.h"
#include "tools/options/exit_code.h"
#include "tools/options/terminal_text.h"

namespace tern::tools {

void print_warning(const std::string& text) {
  fmt::print(stderr, "tern: warning: {}\n", terminal_text(text));
}

int report(const Error& error) {
  fmt::print(stderr, "tern: {}\n", terminal_text(error.text()));
  return exit_code_of(error.kind);
}

int write_output(const std::string& file, std::string_view content) {
  if (file.empty()) {
    const bool written = std::fwrite(content.data(), 1, content.size(), stdout) == content.size();
    return written && std::fflush(stdout) == 0 ? exit_ok : exit_failed;
  }
  auto out = AtomicFile::create(file);
  if (!out) return report(out.error());
  Status written = out->write(std::as_bytes(std::span(content)));
  if (written) written = out->commit();
  return written ? exit_ok : report(written.error());
}

}  // namespace tern::tools

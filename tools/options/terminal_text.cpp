#include "tools/options/terminal_text.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace tern::tools {

std::string terminal_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    const std::string_view piece = text.substr(0, step.length);
    text.remove_prefix(step.length);
    const auto first = static_cast<unsigned char>(piece[0]);
    const bool low_control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
    if (step.kind != Utf8Kind::character || low_control) {
      for (const char byte : piece) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    } else if (first == 0xc2 && static_cast<unsigned char>(piece[1]) < 0xa0) {  // U+0080 to U+009F
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(piece[1]));
    } else {
      out += piece;
    }
  }
  return out;
}

}  // namespace tern::tools

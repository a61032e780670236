// Text of models and foreign files on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace tern::tools {

// The text with its control characters written out, so that a terminal obeys none of them: \x1b for one
// byte, \u009b for U+0080 to U+009F; bytes that are no UTF-8 as \xNN. Line ends and tabs stay.
std::string terminal_text(std::string_view text);

}  // namespace tern::tools

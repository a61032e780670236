// How commands report errors, and where they write.
#pragma once

#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::tools {

// Prints "tern: warning: <text>" to standard error. Control characters, here and in report(), are written
// out: texts of foreign files are in messages.
void print_warning(const std::string& text);

// Prints "tern: <error>" to standard error; the exit code for errors of its kind.
int report(const Error& error);

// Writes to a file, whole or not at all, or to standard output if `file` is empty. An exit code.
int write_output(const std::string& file, std::string_view content);

}  // namespace tern::tools

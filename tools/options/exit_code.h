// The exit codes of commands.
#pragma once

#include "base/expected.h"

namespace tern::tools {

enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,     // it ran and failed, or the machine lacks what it needs: memory, space, a permission
  exit_bad_input = 2,  // the input is at fault: what was typed, or what a file holds
  exit_interrupted = 130  // as a shell says of what Ctrl-C ended
};

// The code for an error that ends a command.
ExitCode exit_code_of(ErrorKind kind);

}  // namespace tern::tools

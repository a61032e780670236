#include "tools/options/exit_code.h"

namespace tern::tools {

ExitCode exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::input: return exit_bad_input;
    case ErrorKind::machine:
    case ErrorKind::bug: return exit_failed;
    case ErrorKind::interrupted: return exit_interrupted;
  }
  __builtin_unreachable();
}

}  // namespace tern::tools

#include "base/system_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tern {

ErrorKind kind_of_errno(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENXIO: return ErrorKind::input;
    default: return ErrorKind::machine;
  }
}

Error system_error(std::string_view what, int code, Location where) {
  return {fmt::format("{}: {}", what, std::generic_category().message(code)), std::move(where),
          kind_of_errno(code)};
}

}  // namespace tern

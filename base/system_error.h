// Errors of the operating system as values of Error.
#pragma once

#include <string_view>

#include "base/expected.h"

namespace tern {

// Whose fault an errno is: input where a path names nothing, or something of another kind (ENOENT, ENOTDIR,
// EISDIR, ELOOP, ENAMETOOLONG, ENXIO); machine for all others: permissions, space, memory, hardware.
ErrorKind kind_of_errno(int code);

// "what: No space left on device", of the errno's kind.
Error system_error(std::string_view what, int code, Location where = {});

}  // namespace tern

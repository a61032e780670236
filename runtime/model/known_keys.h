// Keys that change what a model computes: none may be overlooked.
#pragma once

#include <string_view>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/graph/families.h"

namespace tern::runtime {

// Refuses a file with a key that might change the arithmetic and that nothing here reads: keys that begin
// with the architecture's name and are neither those of all families, nor of this family, nor known to change
// no number; and keys that begin with `prism.`. The message names the key.
Status check_keys(const GgufFile& file, std::string_view architecture, const Family& family);

}  // namespace tern::runtime

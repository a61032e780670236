// Reading what a file says of weights that were trained in turned coordinates: the keys `prism.hadamard.*`.
#pragma once

#include <span>
#include <string_view>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/graph/hyperparameters.h"

namespace tern::runtime {

// The keys that read_rotation reads, all of which begin with "prism.".
std::span<const std::string_view> rotation_keys();

// Sets shape.rotation, whose other fields must be set; does nothing for a file without such keys. Errors: a
// version other than 1, another transform, a matrix that cannot be turned or is not in the file, widths that
// are no whole blocks or have no signs.
Status read_rotation(const GgufFile& file, Hyperparameters& shape);

}  // namespace tern::runtime

// The shape of a model, read from its file.
#pragma once

#include <optional>
#include <string>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/graph/hyperparameters.h"

namespace tern::runtime {

// What is wrong with the numbers of heads, key-value heads and their dimensions: a sentence; nothing if they
// fit.
std::optional<std::string> find_head_fault(const Hyperparameters& hyperparameters);

// Errors: the architecture is unknown; a key is missing, of a wrong type or out of range; keys contradict
// each other; the file asks for a variant that is not supported (a kind of RoPE scaling, heads that differ
// between layers), or has a key that might change the arithmetic and that nothing reads.
Expected<Hyperparameters> read_hyperparameters(const GgufFile& file);

}  // namespace tern::runtime

// Files that are no model though they lie where one should.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace tern::runtime {

// What a file is that begins with these bytes, with the way to the model where there is one: a pointer of Git
// LFS, a web page, an archive, PyTorch's pickled tensors, a big-endian GGUF ... A predicate of a sentence
// ("is a web page: ..."), or nothing if the bytes are none of these.
std::optional<std::string> foreign_file_fault(std::span<const std::byte> bytes);

}  // namespace tern::runtime

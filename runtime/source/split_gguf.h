// GGUF files in parts, as llama.cpp's gguf-split writes them: the first has all keys of the model, each has
// some of the tensors, and `split.no`, `split.count` and `split.tensors.count` tell how they belong together.
#pragma once

#include "base/expected.h"
#include "runtime/gguf/gguf.h"

namespace tern::runtime {

// Whether a file is one of several parts.
bool is_split_part(const GgufFile& file);

// The model of which `part`, any of the parts, is one; the others lie beside it under names that differ in
// the number only. Keys are those of the first part without `split.*`, and so are version and alignment.
// Errors: the part's name has no such form; a part is missing, has another number or count than its name, or
// another model's; a tensor is in two parts. More or fewer tensors than the parts say are a warning.
Expected<GgufFile> join_split_gguf(GgufFile part);

}  // namespace tern::runtime

// Opening a model, in whatever files it lies.
#pragma once

#include <string>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/source/model_source.h"

namespace tern::runtime {

// Opens a GGUF file; any part of a split one ("NAME-00001-of-00003.gguf" and its likes), joined with the
// others that lie beside it; a Hugging Face folder, or a safetensors file in it. Errors: those of what opens
// each; a missing part, which is named; files that are no model, with what they are.
Expected<GgufFile> open_model_file(const std::string& path);

// The same model without reading its tensors, for a conversion.
Expected<ModelSource> open_model_source(const std::string& path);

}  // namespace tern::runtime

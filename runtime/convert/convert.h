// Writing a model in another form: as a GGUF file with another ternary type, or as a Hugging Face folder.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/expected.h"
#include "runtime/source/model_source.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

struct ConvertOptions {
  TensorType ternary = TensorType::i2_s;      // of all ternary matrices
  std::optional<TensorType> head, embedding;  // of types with rows that are floats; nothing: as they are
  bool allow_rounding = false;                // whether scales may be rounded to f16
  std::function<void(uint64_t done, uint64_t total)> progress;  // bytes written; may be empty
  std::function<bool()> interrupted;                            // asked at least every 256 KiB; may be empty
};

// What a conversion leaves out or changes, one sentence each, for the user.
using ConvertRemarks = std::vector<std::string>;

// Writes a GGUF file, whole or not at all, in the memory of the largest tensor that has to be made (see
// SourceTensor::read) and a few hundred kilobytes. Ternary matrices keep every weight and scale; vectors of
// F16 and BF16 become F32, as llama.cpp needs; other tensors and all keys are carried over as they are, but
// for general.file_type, .quantization_version and .alignment. Errors: a tensor cannot be read or the type
// cannot hold it; weights or scales would change, with their numbers over all tensors; those of AtomicFile;
// of kind interrupted if options.interrupted says so.
Expected<ConvertRemarks> convert_to_gguf(const ModelSource& source, const std::string& path,
                                         const ConvertOptions& options);

// The types that ternary matrices can be converted to.
std::vector<TensorType> convertible_types();

}  // namespace tern::runtime

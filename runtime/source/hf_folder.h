// A Hugging Face folder (config.json, safetensors, tokenizer.json) as a model with GGUF's keys and tensors.
#pragma once

#include <string>

#include "base/expected.h"
#include "runtime/source/model_source.h"

namespace tern::runtime {

// Whether a path is a folder with a config.json, or a .safetensors file or its index beside one.
bool is_hf_model(const std::string& path);

// The model of a path that is_hf_model accepts. Tensors have GGUF's names, in order of layers:
// - projections that are packed, or are masters, become I2_S (ternary_weights.h), with the rows of queries
//   and keys in the order that GGUF files of the family have;
// - norms become F32; embedding, head and other floats keep their type and are views of the mapped files.
// Errors, each with its file: those of read_config_json, of the safetensors and of the tokenizer; a tensor
// without a known role, of a wrong type or rank; a scale without a matrix; a missing head.
Expected<ModelSource> open_hf_model(const std::string& path);

}  // namespace tern::runtime

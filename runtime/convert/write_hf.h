// Writing a model as a Hugging Face folder.
#pragma once

#include <string>

#include "runtime/convert/convert.h"

namespace tern::runtime {

// Writes a new folder, whole or not at all, with
// - config.json, of the keys that config_json.h reads;
// - model.safetensors: ternary matrices packed as `autobitlinear`, offline, has them (ternary_weights.h),
// with a
//   weight_scale of BF16 where that is exact and of F32 elsewhere, and queries and keys in the order of
//   checkpoints; norms in BF16 where that is exact; other tensors as they are;
// - tokenizer.json where the source has one (key tokenizer.huggingface.json), and tokenizer.gguf, a GGUF file
//   without tensors whose tokenizer.* keys are the source's. Tern reads the latter where there is no
//   tokenizer.json; other programs need that from the model's origin, and a remark says so.
// Errors: the path exists; the architecture has no row in hf_family.cpp; a tensor has no place in a
// checkpoint of the family; a ternary matrix has several scales, a weight of +2 or rows that are no multiple
// of 4; keys that config.json has no words for; those of convert_to_gguf.
Expected<ConvertRemarks> convert_to_hf(const ModelSource& source, const std::string& path,
                                       const ConvertOptions& options);

}  // namespace tern::runtime

// Filling a Vocabulary from a GGUF file's `tokenizer.*` keys.
#pragma once

#include "ir/expected.h"
#include "runtime/gguf.h"
#include "runtime/vocabulary.h"

namespace tern::runtime {

// Errors: a key has a wrong type; the token list is missing or not `vocabulary_size` long; another list
// differs from it in length; a token id or type does not exist; a merge is not two texts with one space
// between.
Expected<Vocabulary> read_vocabulary(const GgufFile& file, uint32_t vocabulary_size);

}  // namespace tern::runtime

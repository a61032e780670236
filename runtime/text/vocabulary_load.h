// Filling a Vocabulary from a GGUF file's `tokenizer.*` keys.
#pragma once

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// Errors: a key has a wrong type; the token list is missing or not `vocabulary_size` long; another list
// differs from it in length; a token id or type does not exist; a merge is not two texts with one space
// between.
Expected<Vocabulary> read_vocabulary(const GgufFile& file, uint32_t vocabulary_size);

}  // namespace tern::runtime

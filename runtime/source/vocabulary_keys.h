// A vocabulary as the `tokenizer.*` keys of a GGUF file: what read_vocabulary reads.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/gguf/gguf_write.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// In the order in which llama.cpp's converters write them; lists and values that are not there have no key.
std::vector<std::pair<std::string, GgufValue>> vocabulary_keys(Vocabulary vocabulary);

}  // namespace tern::runtime

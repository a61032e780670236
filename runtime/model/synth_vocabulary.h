// A made-up vocabulary of any size that tokenizes every text.
#pragma once

#include <cstdint>

#include "runtime/text/vocabulary.h"

namespace tern::runtime {

constexpr uint32_t min_synthetic_vocabulary = 260, max_synthetic_vocabulary = 10'000'000;

// A byte-level BPE vocabulary of `size` tokens: the 256 bytes, then strings of two, three, ... letters (with
// or without a space in front), each made by one merge of a shorter one and a letter, and last the special
// tokens. `size` is within the two limits above.
Vocabulary synthesize_vocabulary(uint32_t size);

}  // namespace tern::runtime

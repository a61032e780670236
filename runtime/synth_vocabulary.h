// A made-up vocabulary of any size that tokenizes every text.
#pragma once

#include <cstdint>

#include "runtime/vocabulary.h"

namespace tern::runtime {

constexpr uint32_t smallest_synthetic_vocabulary = 260, largest_synthetic_vocabulary = 10'000'000;

// A byte-level BPE vocabulary of `size` tokens: the 256 bytes, then strings of two, three, ... letters (with
// or without a space in front), each made by one merge of a shorter one and a letter, and last the special
// tokens. `size` is within the two limits above.
Vocabulary synthesize_vocabulary(uint32_t size);

// Byte-level BPE writes each byte as one printable character (GPT-2's convention): itself where it is
// printable in Latin-1, else U+0100 and up in the order of the bytes. In UTF-8.
std::string printable_byte(uint8_t byte);

}  // namespace tern::runtime

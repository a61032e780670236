// GPT-2's printable alphabet: the 256 characters that stand for the 256 bytes in the texts of byte-level BPE.
//
// The bytes 33-126, 161-172 and 174-255 are the characters of the same number; the other 68, in increasing
// order, are U+0100, U+0101, ... So a space is U+0120, and no token text holds white space.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tern::runtime {

// Writes bytes in the alphabet, as UTF-8.
std::string to_byte_alphabet(std::string_view bytes);

// Reads them back; nothing if the text has a character outside the alphabet or is not UTF-8.
std::optional<std::string> from_byte_alphabet(std::string_view text);

}  // namespace tern::runtime

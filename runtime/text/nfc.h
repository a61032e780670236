// Unicode's normalization form C: characters and their combining marks joined as far as they can be.
#pragma once

#include <string>
#include <string_view>

namespace tern::runtime {

// False if the bytes alone show that the text is in normalization form C: all characters are below U+0300.
bool may_change_in_nfc(std::string_view text);

// The text in normalization form C (Unicode Standard Annex 15), in time O(n log n) whatever it holds. Bytes
// that are not part of well-formed UTF-8 stay where they are, and nothing is joined across them.
std::string to_nfc(std::string_view text);

}  // namespace tern::runtime

#include "runtime/text/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/utf8.h"

namespace tern::runtime {
namespace {

using Characters = std::vector<utf8proc_int32_t>;

// No character decomposes into more (U+0390 and others: three; the longest canonical decomposition is four).
constexpr utf8proc_ssize_t longest_decomposition = 16;

// Appends the canonical decomposition of well-formed UTF-8, marks in the order of the text.
void append_decomposed(std::string_view text, Characters& characters) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  for (utf8proc_ssize_t at = 0; at < size;) {
    utf8proc_int32_t character = 0;
    at += utf8proc_iterate(bytes + at, size - at, &character);
    std::array<utf8proc_int32_t, longest_decomposition> parts{};
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(character, parts.data(), longest_decomposition,
                                                           UTF8PROC_DECOMPOSE, &boundary);
    characters.insert(characters.end(), parts.begin(),
                      parts.begin() + std::clamp<utf8proc_ssize_t>(count, 0, longest_decomposition));
  }
}

int combining_class(utf8proc_int32_t character) {
  return utf8proc_get_property(character)->combining_class;
}

// Sorts each run of marks (combining class above 0) by class. utf8proc's own ordering exchanges neighbours,
// which takes n^2 steps for n marks.
void order_marks(Characters& characters) {
  for (auto begin = characters.begin(); begin != characters.end();) {
    const auto is_mark = [](utf8proc_int32_t character) { return combining_class(character) > 0; };
    begin = std::find_if(begin, characters.end(), is_mark);
    const auto end = std::find_if_not(begin, characters.end(), is_mark);
    std::stable_sort(begin, end, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(a) < combining_class(b);
    });
    begin = end;
  }
}

void append_nfc(std::string_view text, std::string& result) {
  Characters characters;
  characters.reserve(text.size());
  append_decomposed(text, characters);
  order_marks(characters);
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  const utf8proc_ssize_t count =
      utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()), options);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    std::array<utf8proc_uint8_t, 4> bytes{};
    const utf8proc_ssize_t length = utf8proc_encode_char(characters[static_cast<size_t>(i)], bytes.data());
    result.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(length));
  }
}

}  // namespace

bool may_change_in_nfc(std::string_view text) {
  // U+0300 is CC 80.
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0xcc; });
}

std::string to_nfc(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, utf8_valid_prefix(text));
    append_nfc(valid, result);
    text.remove_prefix(valid.size());
    if (!text.empty()) {
      result += text.front();
      text.remove_prefix(1);
    }
  }
  return result;
}

}  // namespace tern::runtime

// Edits of a text for tests that break it in one place.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tern::testing {

// `text` with its one occurrence of `from` replaced by `to`.
inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << "'" << from << "' does not occur";
  if (place == std::string::npos) return text;
  EXPECT_EQ(text.find(from, place + 1), std::string::npos) << "'" << from << "' occurs more than once";
  return text.replace(place, from.size(), to);
}

}  // namespace tern::testing

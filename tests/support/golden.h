// Golden files: expected text that lies in tests/golden/, to be read and judged by people.
//
// After a change that is meant to alter them, refresh them all and look at the difference:
//   TERN_UPDATE_GOLDEN=1 ctest --preset release -R Golden && git diff tests/golden
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace tern::testing {

inline std::filesystem::path golden_file(const std::string& name) {
  return std::filesystem::path(TERN_SOURCE_DIR) / "tests" / "golden" / name;
}

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file << " cannot be read";
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Expects `actual` to be what the golden file holds; with TERN_UPDATE_GOLDEN=1 makes it so.
inline void expect_golden(const std::string& name, const std::string& actual) {
  const char* update = std::getenv("TERN_UPDATE_GOLDEN");
  if (update && std::string(update) == "1") {
    std::ofstream out(golden_file(name), std::ios::binary);
    out << actual;
    ASSERT_TRUE(out.flush()) << golden_file(name) << " cannot be written";
    return;
  }
  EXPECT_EQ(read_file(golden_file(name)), actual) << "refresh with TERN_UPDATE_GOLDEN=1 if this is meant";
}

}  // namespace tern::testing

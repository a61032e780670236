// Kernels that are refused, as texts: tests/ir/refused/*.kernel. A file holds kernels separated by lines
// "// -----". In each, a comment at the end of a line says what is wrong there, and in which column:
//
//   parallel n by 0  // expected-error@5: a step must be between 1 and 16777216
//
// A line may have several such comments. All that parse_kernel or else verify finds in a kernel must be
// expected, and all that is expected must be found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ir/kernel/kernel.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"

namespace tern::ir {
namespace {

constexpr std::string_view separator = "// -----\n", mark = "// expected-error@";

// A kernel without its expectations, and these as "LINE:COLUMN: MESSAGE", with lines of the file.
struct Refused {
  std::string text;
  int first_line = 1;
  std::vector<std::string> expected;
};

// Takes the expectations off a line.
std::string strip(std::string line, int number, std::vector<std::string>& expected) {
  const size_t first = line.find(mark);
  if (first == std::string::npos) return line;
  std::string rest = line.substr(first);
  line.erase(line.find_last_not_of(' ', first == 0 ? 0 : first - 1) + (first == 0 ? 0 : 1));
  while (!rest.empty()) {
    const size_t next = rest.find(mark, 1);
    std::string one = rest.substr(mark.size(), next == std::string::npos ? next : next - mark.size());
    one.erase(one.find_last_not_of(' ') + 1);
    expected.push_back(std::to_string(number) + ":" + one);
    rest = next == std::string::npos ? "" : rest.substr(next);
  }
  return line;
}

std::vector<Refused> read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  std::vector<Refused> kernels(1);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line + "\n" == separator) {
      kernels.emplace_back().first_line = number + 1;
      continue;
    }
    const std::string stripped = strip(line, number, kernels.back().expected);
    // An expectation alone is about the end of the text.
    if (!stripped.empty() || stripped == line) kernels.back().text += stripped + "\n";
  }
  return kernels;
}

std::vector<std::string> found_in(const Refused& kernel) {
  const Expected<ParsedKernel> parsed = parse_kernel(kernel.text, "f");
  std::vector<Error> errors;
  if (parsed)
    errors = verify(parsed->kernel, parsed->locations);
  else
    errors = {parsed.error()};
  std::vector<std::string> found;
  for (const Error& error : errors)
    found.push_back(std::to_string(error.where.line + kernel.first_line - 1) + ":" +
                    std::to_string(error.where.column) + ": " + error.message);
  return found;
}

std::vector<std::filesystem::path> files() {
  const std::filesystem::path folder = std::filesystem::path(TERN_SOURCE_DIR) / "tests/ir/refused";
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

class RefusedKernels : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(RefusedKernels, SayWhatAndWhere) {
  for (const Refused& kernel : read(GetParam())) {
    EXPECT_FALSE(kernel.expected.empty())
        << GetParam() << ":" << kernel.first_line << ": a kernel without expected-error";
    EXPECT_THAT(found_in(kernel), ::testing::UnorderedElementsAreArray(kernel.expected))
        << GetParam() << ":" << kernel.first_line << "\n"
        << kernel.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, RefusedKernels, ::testing::ValuesIn(files()),
                         [](const auto& tested) { return tested.param.stem().string(); });

// The test above can fail: for a kernel that is right, a line that is another, and a message that is another.
TEST(RefusedKernels, ExpectationsAreTakenOffLines) {
  std::vector<std::string> expected;
  EXPECT_EQ(strip("  for k by 0  // expected-error@3: no // expected-error@9: not that either ", 7, expected),
            "  for k by 0");
  EXPECT_EQ(strip("// expected-error@1: expected '}'", 8, expected), "");
  EXPECT_EQ(strip("  for k by 16  // a comment", 9, expected), "  for k by 16  // a comment");
  EXPECT_THAT(expected, ::testing::ElementsAre("7:3: no", "7:9: not that either", "8:1: expected '}'"));
}

}  // namespace
}  // namespace tern::ir

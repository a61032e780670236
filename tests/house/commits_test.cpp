#include "commits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <sstream>

namespace tern::house {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// The last commit before there was this test.
constexpr const char* last_unchecked = "a104d2c0ddad33738a817b613b177db4326b372a";

// What git says in the repository; empty if it fails.
std::string git(const std::string& arguments) {
  const std::string command =
      "git -c safe.directory='*' -C '" TERN_SOURCE_DIR "' " + arguments + " 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char buffer[4096];
  for (size_t count; pipe && (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, count);
  return pipe && pclose(pipe) == 0 ? text : "";
}

TEST(Commits, HaveSubjectsThatKeepTheRules) {
  if (!std::filesystem::exists(TERN_SOURCE_DIR "/.git")) GTEST_SKIP() << "no repository";
  // A clone without the older history has nothing but what is to be checked.
  const bool has_older = !git(std::string("rev-parse --verify ") + last_unchecked + "^{commit}").empty();
  std::istringstream log(git(std::string("log --no-merges --format='%h %s' ") +
                             (has_older ? last_unchecked + std::string("..") : "")));
  for (std::string line; std::getline(log, line);) {
    const size_t end_of_hash = line.find(' ');
    ASSERT_NE(end_of_hash, std::string::npos) << line;
    EXPECT_THAT(breach_of_subject(std::string_view(line).substr(end_of_hash + 1)), IsEmpty()) << line;
  }
}

TEST(Commits, BadSubjectsAreFound) {
  EXPECT_THAT(breach_of_subject(std::string(72, 'x')), IsEmpty());
  EXPECT_THAT(breach_of_subject(std::string(73, 'x')), HasSubstr("has 73 characters"));
  EXPECT_THAT(breach_of_subject("Norms of \u03b5 take " + std::string(54, 'x')), IsEmpty())
      << "72 characters";
  EXPECT_THAT(breach_of_subject(""), HasSubstr("no words"));
  EXPECT_THAT(breach_of_subject("base/ is below ir/; 4 tokens/s, and/or more"), IsEmpty());
  EXPECT_THAT(breach_of_subject("Take the oracle of /tmp/oracle"),
              HasSubstr("not the project's: /tmp/oracle"));
  EXPECT_THAT(breach_of_subject("Take '../oracle/a.gguf'"), HasSubstr("not the project's"));
  EXPECT_THAT(breach_of_subject("Read ~/notes"), HasSubstr("not the project's"));
}

}  // namespace
}  // namespace tern::house

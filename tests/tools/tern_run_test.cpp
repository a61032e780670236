// tern-run: the text of `tern run`, without LLVM.
#include <gmock/gmock.h>

#include "command.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TernRunTest : public CommandTest {
 protected:
  Outcome run_small(const std::string& arguments) const { return run_program(TERN_RUN_PROGRAM, arguments); }
};

TEST_F(TernRunTest, WritesWhatTernRunDoes) {
  for (const std::string arguments :
       {"-p 'It was' -n 60 --temp 0", "-p 'The end' -n 40 --seed 5 --temp 0.9 -t 2", "--json -n 5 -p ''"}) {
    const Outcome expected = run("run --no-cache " + arguments), actual = run_small(arguments);
    EXPECT_EQ(expected.exit_code, 0) << expected.errors;
    EXPECT_EQ(actual.exit_code, 0) << actual.errors;
    EXPECT_EQ(actual.output, expected.output) << arguments;
    EXPECT_EQ(actual.errors, "");
  }
}

TEST_F(TernRunTest, EveryTargetThatRunsHereWritesTheSame) {
  const Outcome refused = run_small("--target nobody -p x -n 1");
  EXPECT_EQ(refused.exit_code, 2);
  const std::string list = "it has them for ";
  ASSERT_THAT(refused.errors, HasSubstr("this program has no kernels for 'nobody'; " + list));
  const std::string expected = run_small("-p 'It was' -n 40 --temp 0").output;
  std::string names = refused.errors.substr(refused.errors.find(list) + list.size());
  names.pop_back();  // the end of the line
  int runnable = 0;
  for (size_t begin = 0; begin < names.size();) {
    const size_t end = std::min(names.find(", ", begin), names.size());
    const std::string target = names.substr(begin, end - begin);
    const Outcome outcome = run_small("--target " + target + " -p 'It was' -n 40 --temp 0");
    if (outcome.exit_code == 0) {
      EXPECT_EQ(outcome.output, expected) << target;
      ++runnable;
    } else {
      EXPECT_THAT(outcome.errors, HasSubstr("this machine cannot run the kernels of this program")) << target;
    }
    begin = end + 2;
  }
  EXPECT_GE(runnable, 1);
}

TEST_F(TernRunTest, LoadsNoLlvm) {
  const Outcome libraries = run_program("/usr/bin/ldd", "'" TERN_RUN_PROGRAM "'");
  ASSERT_EQ(libraries.exit_code, 0) << libraries.errors;
  EXPECT_THAT(libraries.output, HasSubstr("libstdc++"));
  EXPECT_THAT(libraries.output, Not(HasSubstr("LLVM")));
  // `tern` itself shows that the search would find it.
  EXPECT_THAT(run_program("/usr/bin/ldd", "'" TERN_PROGRAM "'").output, HasSubstr("LLVM"));
}

TEST_F(TernRunTest, IsSmall) {
  if (!TERN_OPTIMIZED) GTEST_SKIP() << "a build that is not optimised is larger";
  const Outcome stripped = run_program("/usr/bin/strip", "-o '" + path("small") + "' '" TERN_RUN_PROGRAM "'");
  ASSERT_EQ(stripped.exit_code, 0) << stripped.errors;
  const auto size = std::filesystem::file_size(path("small"));
  EXPECT_GT(size, 200'000u);
  EXPECT_LT(size, 5'000'000u);
}

TEST_F(TernRunTest, ModelsWithOtherShapesAreRefused) {
  const std::string other = TERN_SOURCE_DIR "/tests/data/oracle/random-256.gguf";
  const Outcome outcome = run_small("-m '" + other + "' -p x -n 1");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, IsEmpty());
  EXPECT_THAT(outcome.errors, HasSubstr("no kernel of target "));
  EXPECT_THAT(outcome.errors, HasSubstr(" m=1 n="));
  EXPECT_THAT(outcome.errors, HasSubstr("tern compile -m"));
  EXPECT_THAT(outcome.errors, HasSubstr("TERN_RUN_BUNDLE"));
}

TEST_F(TernRunTest, WrongArguments) {
  EXPECT_EQ(run_small("--no-such-option").exit_code, 2);
  EXPECT_EQ(run_small("-m '" + path("missing.gguf") + "' -p x").exit_code, 2);
  EXPECT_EQ(run_small("--temp -1 -p x").exit_code, 2);
  EXPECT_EQ(run_small("--help").exit_code, 0);
}

}  // namespace
}  // namespace tern::tools

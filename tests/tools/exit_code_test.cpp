// What a command ends with says whose fault it is.
#include "tools/options/exit_code.h"

#include <gmock/gmock.h>

#include "command.h"
#include "targets/target.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;

class ExitCodeTest : public CommandTest {
 protected:
  // Runs `tern` in a shell, after these commands of the shell.
  Outcome run_after(const std::string& commands, const std::string& arguments) const {
    return run_program(
        "/bin/sh",
        fmt::format("'{}'", write("script", commands + "\nexec '" TERN_PROGRAM "' " + arguments + "\n")));
  }
};

// Names of values alone: not the numbers that stand for them in the program, which are no values either.
TEST_F(ExitCodeTest, HelpAndRefusalsNameValues) {
  for (const char* command :
       {"run", "chat", "eval ppl", "bench", "embed", "synth", "convert", "inspect", "asm", "tune"}) {
    const Outcome help = run(fmt::format("{} --help", command));
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_THAT(help.output, ::testing::Not(HasSubstr("->"))) << command;
    EXPECT_THAT(help.output, ::testing::Not(HasSubstr("ENUM"))) << command;
  }
  const Outcome number = run("synth --arch tiny -o /dev/null --type 36");
  EXPECT_EQ(number.exit_code, 2);
  EXPECT_THAT(number.errors, HasSubstr("--type: 36 not in {I2_S,"));
  EXPECT_EQ(run("synth --arch tiny -o '" + path("model") + "' --type tq2_0 --head q8_0").exit_code, 0);
}

TEST_F(ExitCodeTest, OfEachKindOfError) {
  EXPECT_EQ(exit_code_of(ErrorKind::input), 2);
  EXPECT_EQ(exit_code_of(ErrorKind::machine), 1);
  EXPECT_EQ(exit_code_of(ErrorKind::bug), 1);
  EXPECT_EQ(exit_code_of(ErrorKind::interrupted), 130);
}

TEST_F(ExitCodeTest, AFileThatIsMissingIsTheInputsFault) {
  const Outcome outcome = run("run -p x -m " + path("none.gguf"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.errors, HasSubstr("No such file"));
}

TEST_F(ExitCodeTest, TooLittleMemoryIsTheMachines) {
  // Keys and values of 16 million tokens take tens of gigabytes.
  const Outcome outcome = run_after(
      "ulimit -v 8000000", "run -p x --untuned -t 1 -c 16000000 -n 15999000 --cache " + path("cache"));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("memory"));
}

TEST_F(ExitCodeTest, AFullDiskIsTheMachines) {
  // The system's limit for the size of a file stands in for a full disk: 4096 bytes.
  const Outcome outcome = run_after("trap '' XFSZ; ulimit -f 8", "asm --emit llvm -o " + path("large.ll"));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("cannot write: File too large"));
  EXPECT_FALSE(std::filesystem::exists(path("large.ll")));
}

TEST_F(ExitCodeTest, AFolderThatMayNotBeWrittenIsTheMachines) {
  // Not even root makes files here.
  const Outcome outcome = run("asm -o /sys/tern.s");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("cannot write"));
}

TEST_F(ExitCodeTest, AnotherKindOfCpuIsTheMachines) {
  const bool is_arm = targets::host_architecture() == targets::Architecture::aarch64;
  const Outcome outcome = run(fmt::format("run -p x --target {}", is_arm ? "zen4" : "cortex-a72"));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("this machine is"));
}

}  // namespace
}  // namespace tern::tools

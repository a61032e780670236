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

TEST_F(ExitCodeTest, OutputThatCannotBeWrittenIsAnError) {
  for (const std::string command : {"run --untuned -n 3 -p It", "run --untuned -n 3 -p It --json", "targets",
                                    "asm -n 16 -k 16", "--help"}) {
    const Outcome full = run_after("", command + " >/dev/full");
    EXPECT_EQ(full.exit_code, 1) << command;
    EXPECT_THAT(full.errors, HasSubstr("tern: standard output: cannot write: ")) << command;
    EXPECT_EQ(run_after("", command + " >&-").exit_code, 1) << command;
  }
}

TEST_F(ExitCodeTest, NumbersBelowZeroAreNoLargeNumbers) {
  const std::string text = "run --untuned -p It ";
  const Outcome whole = run(text + "-n -1 -c 12 --json");
  EXPECT_EQ(whole.exit_code, 0) << whole.errors;
  EXPECT_THAT(whole.errors, HasSubstr("the context of 12 tokens is full"));
  EXPECT_THAT(run(text + "-n 2 --seed -1").errors, HasSubstr("tern: the seed is "));
  EXPECT_EQ(run(text + "-n 2 --seed 18446744073709551615").exit_code, 0);
  for (const char* bad : {"-n -2", "-n 18446744073709551615", "--seed -2", "--seed 18446744073709551616",
                          "--top-k -1", "--repeat-window -1", "-n 1x", "--batch -1", "-t -1"}) {
    const Outcome refused = run(text + bad);
    EXPECT_EQ(refused.exit_code, 2) << bad;
    EXPECT_EQ(refused.output, "") << bad;
  }
  EXPECT_EQ(run("bench -r -1").exit_code, 2);
  EXPECT_EQ(run("bench -p -1").exit_code, 2);
  EXPECT_EQ(run("serve --port -5").exit_code, 2);
  EXPECT_EQ(run("synth --arch tiny --layers -1 -o " + path("model")).exit_code, 2);
}

// What people copy from llama.cpp and bitnet.cpp is understood or refused by its name, not taken for another.
TEST_F(ExitCodeTest, OptionsOfOtherPrograms) {
  const std::string text = "run --untuned -p 'It was' ";
  const std::string own = run(text + "-n 4 --temp 0 -c 32").output;
  EXPECT_EQ(run(text + "--n-predict 4 -temp 0 --ctx-size 32").output, own);
  EXPECT_EQ(run(text + "--n-predict=4 --temperature 0 --ctx-size=32 -ngl 0").output, own);
  for (const auto& [option, advice] :
       {std::pair{"-ngl 99", "-ngl is no option: Tern runs on processors alone"},
        {"-cnv", "-cnv is no option: `tern chat` holds a conversation"},
        {"--no-mmap", "--no-mmap is no option: weights are packed"}}) {
    const Outcome refused = run(text + option);
    EXPECT_EQ(refused.exit_code, 2) << option;
    EXPECT_THAT(refused.errors, HasSubstr(advice));
  }
  EXPECT_EQ(run("run --untuned -n 0 -p -cnv").output, "-cnv\n");  // a value is no option
  EXPECT_EQ(run("run --untuned -n 0 -e -p 'a\\nb\\q'").output, "a\nb\\q\n");
}

TEST_F(ExitCodeTest, StandardInputIsThePromptWhereNoneIsGiven) {
  const Outcome piped = run("run --untuned -n 0 <'" + write("prompt", "It was a truth") + "'");
  EXPECT_EQ(piped.output, "It was a truth\n");
  EXPECT_EQ(run("run --untuned -n 0 -p Now <'" + path("prompt") + "'").output, "Now\n");
  EXPECT_EQ(run("run --untuned -n 0 </dev/null").exit_code, 0);
  const Outcome endless = run("run --untuned -n 1 -f /dev/zero");
  EXPECT_EQ(endless.exit_code, 2);
  EXPECT_THAT(endless.errors, HasSubstr("/dev/zero: is longer than 64 MiB"));
}

// A cache that nobody named does not keep a model from running.
TEST_F(ExitCodeTest, CachesThatCannotBeUsedAreWarnedOf) {
  const std::string none = "unset TERN_CACHE XDG_CACHE_HOME; ";
  const Outcome no_home =
      run_after(none + "HOME= TMPDIR=/none; export HOME TMPDIR", "run --untuned -n 1 -p It");
  EXPECT_EQ(no_home.exit_code, 0) << no_home.errors;
  const Outcome unusable = run_after(none + "HOME=/proc; export HOME", "run --untuned -n 1 -p It");
  EXPECT_EQ(unusable.exit_code, 0) << unusable.errors;
  EXPECT_THAT(unusable.errors, HasSubstr("tern: warning: cache folder /proc/.cache/tern: "));
  EXPECT_NE(run("run --untuned -n 1 -p It --cache /proc/none").exit_code, 0);
}

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

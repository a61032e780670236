// `tern asm`: every stage can be shown, and everything wrong in its input is said with exit code 2.
#include <gmock/gmock.h>

#include "command.h"

namespace tern::tools {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class AsmTest : public CommandTest {
 protected:
  // The text fails with exit code 2, says this and prints nothing.
  void expect_refused(const std::string& arguments, const std::string& message) const {
    const Outcome outcome = run("asm " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.errors, HasSubstr(message)) << arguments;
    EXPECT_THAT(outcome.output, IsEmpty()) << arguments;
  }
};

constexpr const char* kernel_text = R"(kernel @mine {
  problem matmul m=1 n=32 k=64 {
    A: f32[m,k]  quantize i8 absmax per m
    W: trit[n,k]  scale f32 per tensor
    C: f32[m,n]  accumulate i32
  }
  layout {
    W: b2 [n/8, k/16, n%8, k%4, k%16/4] align 64
  }
  schedule {
    parallel n by 8
    for k by 16
    vector n by 8
  }
  compute dot W*A { zero point 1, correct -sum_k A }
  epilogue C = f32(acc) / sa[m] * sw
}
)";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kernel_text;
  const size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return text.replace(place, from.size(), to);
}

TEST_F(AsmTest, ShowsEveryStage) {
  const std::string kernel = "--kernel '" + write("mine.kernel", kernel_text) + "' --target x86-64-v3";
  EXPECT_EQ(run("asm --emit kernel " + kernel).output, kernel_text);
  EXPECT_THAT(run("asm --emit passes " + kernel).output, HasSubstr("// after: unroll loops"));
  EXPECT_THAT(run("asm --emit program " + kernel).output, StartsWith("program @mine {"));
  EXPECT_THAT(run("asm --emit llvm " + kernel).output, HasSubstr("define void @mine(ptr"));
  EXPECT_THAT(run("asm --emit llvm-opt " + kernel).output, HasSubstr("@llvm.x86.avx2.pmadd.ub.sw"));
  EXPECT_THAT(run("asm " + kernel).output, HasSubstr("vpmaddubsw"));
  EXPECT_THAT(run("asm --emit object " + kernel).output, StartsWith("\x7f"
                                                                    "ELF"));
  const Outcome census = run("asm --emit census " + kernel);
  EXPECT_EQ(census.exit_code, 0);
  EXPECT_THAT(census.output, StartsWith("innermost loop: "));
  EXPECT_THAT(census.output, HasSubstr("     4  vpmaddubsw\n"));
  const Outcome cost = run("asm --emit cost " + kernel);
  EXPECT_EQ(cost.exit_code, 0);
  EXPECT_THAT(cost.output, ContainsRegex("one call +[0-9]+ cycles, [0-9.]+ per 1000 weights"));
  EXPECT_THAT(cost.output, ContainsRegex("model +haswell, the nearest that LLVM has"));
  EXPECT_THAT(cost.output, HasSubstr("HWPort"));
}

TEST_F(AsmTest, ReadsStandardInputAndWritesFiles) {
  write("mine.kernel", kernel_text);
  const Outcome outcome =
      run("asm --kernel - --emit kernel -o '" + path("copy.kernel") + "' < '" + path("mine.kernel") + "'");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, IsEmpty());
  EXPECT_EQ(read("copy.kernel"), kernel_text);
}

TEST_F(AsmTest, MistakesInAKernelHaveFileLineAndColumn) {
  const auto refused = [&](const std::string& text, const std::string& error) {
    const std::string file = write("bad.kernel", text);
    expect_refused("--target x86-64-v3 --kernel '" + file + "'", file + error);
  };
  refused(with("for k by 16", "for k of 16"), ":12:11: expected 'by' but found 'of'");
  refused(with("b2 [", "b7 ["), ":8:8: 'b7' is no packing");
  refused(with("sw\n}", "sw\n"), ":18:1: expected '}' but found the end");
  refused(with("n by 8\n    for", "n by 12\n    for"),
          ":13:5: a step of 8 does not divide the enclosing tile of 12");
  refused(with("zero point 1,", "zero point 3,"), ":15:3: the zero point must be 0 or 1");
  refused("", ":1:1: expected 'kernel' but found the end");
  refused(std::string(100, '\0'), ":1:1: expected 'kernel'");
  refused(with("m=1 ", "m=0 "), ":2:3: m must be between 1 and 65536, not 0");
}

TEST_F(AsmTest, AllThatVerifyFindsIsSaid) {
  const std::string file = write("bad.kernel", with("m=1 n=32", "m=0 n=0"));
  const Outcome outcome = run("asm --kernel '" + file + "'");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.errors, HasSubstr("m must be between"));
  EXPECT_THAT(outcome.errors, HasSubstr("n must be between"));
}

TEST_F(AsmTest, FilesThatCannotBeRead) {
  expect_refused("--kernel '" + path("missing.kernel") + "'", path("missing.kernel") + ": ");
  expect_refused("--kernel '" + path("") + "'", path("") + ": ");
}

TEST_F(AsmTest, FilesThatCannotBeWritten) {
  const Outcome outcome = run("asm -o '" + path("no/such/folder/x.s") + "'");
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.errors, HasSubstr("no/such/folder"));
}

TEST_F(AsmTest, CostsOfProcessorsThatLlvmHasNoModelOf) {
  expect_refused("--emit cost -n 64 -k 64 --target rv64gcv",
                 "LLVM has no model of how long instructions take");
}

TEST_F(AsmTest, UnknownTargets) {
  expect_refused("--target pentium", "pentium");
  expect_refused("--target x86-64-v9", "unknown target 'x86-64-v9' (did you mean");
  expect_refused("--target '" + path("missing.yaml") + "'", "missing.yaml");
}

TEST_F(AsmTest, KernelsThatATargetCannotRun) {
  const std::string file = write("mine.kernel", kernel_text);
  expect_refused(
      "--target x86-64-v2 --kernel '" + file + "'",
      "kernel mine is not legal on x86-64-v2: vectors of 256 bits are wider than the target's 128");
  const std::string zero_point =
      write("signed.kernel", with("zero point 1, correct -sum_k A", "zero point 0"));
  expect_refused("--target x86-64-v3 --kernel '" + zero_point + "'",
                 "dot of signed weights on 256 bits needs avxvnniint8");
}

TEST_F(AsmTest, KernelsWhoseSumsOverflow) {
  const std::string text = with("k=64", "k=704");
  std::string wide = text;
  wide.replace(wide.find("k/16,"), 5, "k/704, k%704/16,");
  wide.replace(wide.find("for k by 16"), 11, "for k by 704\n    for k by 16");
  wide.replace(wide.find("-sum_k A }"), 10, "-sum_k A, partial i16, widen every k 704 }");
  expect_refused("--target x86-64-v3 --kernel '" + write("wide.kernel", wide) + "'", "may overflow i16");
}

TEST_F(AsmTest, WrongArguments) {
  expect_refused("-n 0", "-m, -n and -k must be between 1 and");
  expect_refused("-k -5", "-m, -n and -k must be between 1 and");
  expect_refused("-m 99999999", "-m, -n and -k must be between 1 and");
  expect_refused("-n ten", "ten");
  expect_refused("--weight u8", "'u8' is no type of weight");
  expect_refused("--weight wood", "'wood' is no type of weight");
  expect_refused("--weight i8 --scale-group 0",
                 "a group of inputs that share a scale must have at least one");
  expect_refused("--weight i8 --scale-group -8",
                 "a group of inputs that share a scale must have at least one");
  expect_refused("--emit poetry", "poetry");
  expect_refused("--no-such-option", "no-such-option");
}

TEST_F(AsmTest, NothingWrongSaysNothing) {
  for (const std::string weight : {"trit", "i8", "f16", "bf16", "f32"}) {
    const Outcome outcome = run("asm -m 3 -n 40 -k 64 --target generic --emit object --weight " + weight);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_THAT(outcome.errors, IsEmpty());
    EXPECT_THAT(outcome.output, Not(IsEmpty()));
  }
}

}  // namespace
}  // namespace tern::tools

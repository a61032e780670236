// `tern compile`: what it writes, and what it says of input that is at fault.
#include <gmock/gmock.h>

#include "command.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class CompileTest : public CommandTest {
 protected:
  // A file with the default kernel for a target, and a name of its own.
  std::string kernel(const std::string& name, const std::string& arguments) const {
    const Outcome outcome = run("asm --emit kernel " + arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return write(name, outcome.output);
  }

  void expect_refused(const std::string& arguments, const std::string& message) const {
    const Outcome outcome = run("compile " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.errors, HasSubstr(message)) << arguments;
    EXPECT_THAT(outcome.output, IsEmpty()) << arguments;
  }

  std::string quoted(const std::string& text) const { return "'" + text + "'"; }
};

TEST_F(CompileTest, WritesALibraryAndAHeader) {
  const std::string file = kernel("my-kernel.kernel", "-n 64 -k 128 --target x86-64-v2");
  const Outcome outcome = run("compile --target x86-64-v2 --target x86-64-v3 " + quoted(file) + " -o " +
                              quoted(path("deep/out")));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(outcome.errors, "");
  EXPECT_THAT(outcome.output, HasSubstr("deep/out: 1 kernels for x86-64-v3, 1 kernels for x86-64-v2"));
  EXPECT_THAT(read("deep/out/libmy_kernel.a"), StartsWith("!<arch>\n"));
  const std::string header = read("deep/out/my_kernel.h");
  EXPECT_THAT(header, HasSubstr("void my_kernel_ternary_m1_n64_k128_x86_64_v3(void* const* buffers"));
  EXPECT_THAT(header, HasSubstr("buffers[1] A: i8[256], 256 bytes"));
  EXPECT_THAT(header, HasSubstr("static inline const tern_kernel* my_kernel_find("));
}

TEST_F(CompileTest, AModelGivesAllItsKernels) {
  const Outcome outcome = run("compile -m '" TERN_SOURCE_DIR
                              "/models/tern-small.gguf' --batch 8 --target "
                              "x86-64-v3 --name box -o " +
                              quoted(path("out")));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  const std::string header = read("out/box.h");
  for (const char* name : {"ternary_m1_n1024_k384", "ternary_m4_n384_k1024_residual", "dense_m8_n3072_k384"})
    EXPECT_THAT(header, HasSubstr(std::string("void box_") + name + "_x86_64_v3(")) << name;
  EXPECT_THAT(header, HasSubstr("ternary_m2_n384_k1024"));
  EXPECT_THAT(header, Not(HasSubstr("m256")));
}

TEST_F(CompileTest, TheNumbersOfRowsMayBeStated) {
  const std::string model =
      "compile -m '" TERN_SOURCE_DIR "/models/tern-small.gguf' --target x86-64-v3 --name box ";
  const Outcome outcome = run(model + "--rows 16,1 -o " + quoted(path("out")));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("12 kernels for x86-64-v3"));
  const std::string header = read("out/box.h");
  EXPECT_THAT(header, HasSubstr("ternary_m16_n384_k1024"));
  EXPECT_THAT(header, Not(HasSubstr("ternary_m2_")));
  EXPECT_EQ(run(model + "--rows 0").exit_code, 2);
  EXPECT_EQ(run(model + "--rows 4 --batch 4").exit_code, 2);
}

TEST_F(CompileTest, ObjectsOneByOne) {
  const std::string file = kernel("one.kernel", "-n 32 -k 64 --target generic");
  const Outcome outcome =
      run("compile --emit objects --target generic -o " + quoted(path("out")) + " " + quoted(file));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(read("out/one_ternary_m1_n32_k64_generic.o"), StartsWith("\x7f"
                                                                       "ELF"));
  EXPECT_THAT(read("out/one_bundle.o"), StartsWith("\x7f"
                                                   "ELF"));
  EXPECT_THAT(read("out/one.h"), HasSubstr("one_find"));
}

TEST_F(CompileTest, KernelsOfOneNameAreKeptApart) {
  const std::string first = kernel("first.kernel", "-n 32 -k 64 --target x86-64-v2");
  const std::string second = kernel("second.kernel", "-n 32 -k 64 --target x86-64-v3");
  const Outcome outcome = run(
      fmt::format("compile '{}' '{}' '{}' --target x86-64-v3 -o '{}'", first, second, first, path("out")));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("2 kernels for x86-64-v3"));
}

TEST_F(CompileTest, KernelsAreLeftOutWhereTheyAreNotLegal) {
  const std::string narrow = kernel("narrow.kernel", "-n 32 -k 64 --target x86-64-v2");
  const std::string wide = kernel("wide.kernel", "-n 48 -k 64 --target x86-64-v3");
  const Outcome outcome = run(fmt::format("compile '{}' '{}' --target x86-64-v2 --target x86-64-v3 -o '{}'",
                                          narrow, wide, path("out")));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("left out: kernel ternary_m1_n48_k64 is not legal on x86-64-v2"));
  EXPECT_THAT(outcome.output, HasSubstr("2 kernels for x86-64-v3, 1 kernels for x86-64-v2"));
  expect_refused("--target x86-64-v2 -o '" + path("none") + "' '" + wide + "'",
                 "kernel ternary_m1_n48_k64 is not legal on x86-64-v2");
}

TEST_F(CompileTest, BadInputIsSaid) {
  const std::string good = quoted(kernel("good.kernel", "-n 32 -k 64 --target x86-64-v2"));
  const std::string out = " -o " + quoted(path("out"));
  expect_refused(out, "nothing to compile: name files with kernels, or a model with -m");
  expect_refused("--target x86-64-v9 " + good + out, "unknown target 'x86-64-v9' (did you mean");
  expect_refused("--target zen4 --target zen4 " + good + out, "two targets called zen4");
  expect_refused(quoted(path("missing.kernel")) + out, "missing.kernel: ");
  expect_refused(quoted(write("bad.kernel", "kernel @x {")) + out, "bad.kernel:1:12: expected");
  expect_refused("-m " + quoted(path("missing.gguf")) + out, "missing.gguf: ");
  expect_refused("--emit poetry " + good + out, "poetry");
  write("file", "");
  expect_refused("--target x86-64-v2 " + good + " -o " + quoted(path("file")), path("file") + ": ");
  expect_refused("--target x86-64-v2 " + good + " -o " + quoted(path("file/below")), "file/below: ");
}

TEST_F(CompileTest, ArchitecturesDoNotMix) {
  const std::string arm = write("little.yaml",
                                "description: a small core\narchitecture: aarch64\nfeatures: [neon]\n"
                                "vector_bits: 128\nsources: [a test]\n");
  const std::string file = kernel("good.kernel", "-n 32 -k 64 --target generic");
  expect_refused(fmt::format("--target x86-64-v2 --target '{}' '{}' -o '{}'", arm, file, path("out")),
                 "x86-64-v2 is x86_64, and little is aarch64");
  const Outcome outcome = run(fmt::format("compile --target '{}' '{}' -o '{}'", arm, file, path("out")));
  EXPECT_EQ(outcome.exit_code, 0) << "another architecture than this machine's: " << outcome.errors;
}

}  // namespace
}  // namespace tern::tools

// A CPU costs one YAML file: made-up ones, written into a folder by the test, go the whole way from their
// file to code that is executed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codegen/jit/compile.h"
#include "codegen/jit/jit.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/default_kernel.h"
#include "targets/host.h"
#include "targets/legal.h"
#include "tests/support/arm_harness.h"
#include "tests/support/runnable_targets.h"
#include "tests/support/target_directory.h"

namespace tern::kernels {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* wide_arm = R"(description: An ARM CPU that nobody builds, with vectors of 512 bits
architecture: aarch64
features: [dotprod, i8mm, sve2]
vector_bits: 512
caches:
  - {level: 1, size: 96 KiB, line: 64, shared_by: 1}
sources: [imagination]
)";

constexpr const char* narrow_x86 = R"(description: An x86 CPU with AVX2 and next to no cache
architecture: x86_64
features: [avx2]
vector_bits: 256
caches:
  - {level: 1, size: 4 KiB, line: 64, shared_by: 1}
sources: [imagination]
)";

constexpr const char* risc = R"(description: A RISC-V CPU with vectors of 512 bits
architecture: riscv64
features: [m, c, v]
vector_bits: 512
sources: [imagination]
)";

// Loads the target by its name and makes an assembly of its default kernel, with all proofs on the way.
void expect_default_kernel(const std::string& name, const std::string& instruction, ir::Kernel& kernel) {
  EXPECT_THAT(targets::target_names(), Contains(name));
  const targets::Target target = testing::listed_target(name);
  kernel = default_kernel(ir::matmul(4, 100, 300, {ir::Element::trit, ir::Scaling::tensor}), target);
  for (const Error& error : ir::verify(kernel)) ADD_FAILURE() << error.text();
  for (const std::string& reason : targets::legality_errors(kernel, target)) ADD_FAILURE() << reason;
  const ir::Program program = codegen::lower(kernel);
  for (const Error& error : ir::verify(program)) ADD_FAILURE() << error.text();
  const Expected<std::string> assembly = codegen::compile(program, target, codegen::Output::assembly);
  ASSERT_TRUE(assembly) << assembly.error().text();
  EXPECT_THAT(*assembly, HasSubstr(instruction));
}

TEST(MadeUpCpu, OfArmIsOneFile) {
  const testing::TargetDirectory directory;
  directory.write("wide-arm.yaml", wide_arm);
  ir::Kernel kernel;
  expect_default_kernel("wide-arm", "sdot\tz", kernel);
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty())
    GTEST_SKIP() << "not executed: " << reason;
  std::mt19937 random(1);
  testing::expect_arm_agrees(testing::listed_target("wide-arm"), {testing::kernel_call(kernel, random)});
}

TEST(MadeUpCpu, OfX86IsOneFile) {
  const testing::TargetDirectory directory;
  directory.write("narrow-x86.yaml", narrow_x86);
  ir::Kernel kernel;
  expect_default_kernel("narrow-x86", "vpmaddubsw", kernel);
  const Expected<targets::Target> target = targets::find_runnable_target("narrow-x86");
  if (!target) GTEST_SKIP() << "not executed: " << target.error().text();
  const Expected<codegen::Jit> jit = codegen::Jit::make(*target, std::nullopt);
  ASSERT_TRUE(jit) << jit.error().text();
  const Expected<codegen::CompiledKernel> compiled = jit->compile(kernel);
  ASSERT_TRUE(compiled) << compiled.error().text();
  std::mt19937 random(2);
  const ir::MatmulInputs inputs = testing::random_inputs(kernel.problem, random);
  EXPECT_TRUE(testing::same_bits(testing::run_compiled(*compiled, kernel, inputs),
                                 testing::expected_result(kernel, inputs)));
}

TEST(MadeUpCpu, OfAnArchitectureWithoutInstructionsOfItsOwnIsOneFile) {
  const testing::TargetDirectory directory;
  directory.write("risc-512.yaml", risc);
  ir::Kernel kernel;
  expect_default_kernel("risc-512", "vle8.v", kernel);
}

}  // namespace
}  // namespace tern::kernels

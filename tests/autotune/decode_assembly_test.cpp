// The inner loops of the default kernels, as goldens: which instructions and how many, and what is spilled.
#include <gtest/gtest.h>

#include "autotune/default_kernel.h"
#include "codegen/assembly_census.h"
#include "codegen/compile.h"
#include "codegen/lower.h"
#include "tests/support/golden.h"
#include "tests/support/runnable_targets.h"

namespace tern::autotune {
namespace {

void expect_golden_loop(const std::string& golden, int64_t m, const std::string& target_name) {
  const targets::Target target = testing::listed_target(target_name);
  const ir::Kernel kernel =
      default_kernel({m, 2560, 2560, ir::Element::trit, ir::Scaling::tensor, 0}, target);
  const ir::Program program = codegen::lower(kernel);
  const Expected<std::string> assembly = codegen::compile(program, target, codegen::Output::assembly);
  ASSERT_TRUE(assembly) << assembly.error().text();
  const std::optional<codegen::AssemblyCensus> census = codegen::census(*assembly);
  ASSERT_TRUE(census) << "no loop";
  // Sums that are widened may wait on the stack: they are wanted once in an iteration of hundreds of
  // instructions.
  const int64_t sums = kernel.compute.widen_every_k == 0 ? 0 : program.registers[0].count;
  EXPECT_LE(census->stack_accesses, 3 * sums);
  testing::expect_golden(golden + "_" + target_name + ".census", print(*census));
}

class GoldenDecode : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenDecode, InnerLoopOfOneToken) {
  expect_golden_loop("decode", 1, GetParam());
}

TEST_P(GoldenDecode, InnerLoopOfManyTokens) {
  expect_golden_loop("prefill", 512, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Targets, GoldenDecode,
                         ::testing::Values("x86-64-v3", "alderlake", "skylake-avx512", "icelake-server",
                                           "zen5", "cortex-a53", "neoverse-n1", "apple-m2", "neoverse-v1"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace tern::autotune

// The inner loops of the default kernels, and of recipes where they are at home, as goldens: which
// instructions and how many, and what is spilled.
#include <gtest/gtest.h>

#include "codegen/cost/assembly_census.h"
#include "codegen/jit/compile.h"
#include "codegen/lower/lower.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "targets/legal.h"
#include "tests/support/golden.h"
#include "tests/support/runnable_targets.h"

namespace tern::kernels {
namespace {

int64_t most_stack_accesses(const ir::Kernel& kernel, const ir::Program& program,
                            const codegen::AssemblyCensus& census) {
  switch (kernel.strategy()) {
    case ir::Strategy::dot:
    case ir::Strategy::lookup:
      // Sums that are widened may wait on the stack: they are wanted once in an iteration of hundreds of
      // instructions.
      return widen_every_k(kernel.compute) != 0 ? 3 * program.registers[0].count : 0;
    case ir::Strategy::tile: {
      // Panels lie there; each of their vectors is read once for four pairs of rows.
      const auto pairs = census.mnemonics.find("smmla");
      return pairs == census.mnemonics.end() ? 0 : pairs->second / 4;
    }
    case ir::Strategy::addsub:
    case ir::Strategy::madd: return 0;
  }
  return 0;
}

void expect_golden_loop(const std::string& golden, const ir::Kernel& kernel, const targets::Target& target) {
  ASSERT_TRUE(targets::legality_errors(kernel, target).empty()) << print(kernel);
  const ir::Program program = codegen::lower(kernel);
  const Expected<std::string> assembly = codegen::compile(program, target, codegen::Output::assembly);
  ASSERT_TRUE(assembly) << assembly.error().text();
  const std::optional<codegen::AssemblyCensus> census = codegen::census(*assembly);
  ASSERT_TRUE(census) << "no loop";
  EXPECT_LE(census->stack_accesses, most_stack_accesses(kernel, program, *census)) << print(kernel);
  testing::expect_golden(golden + ".census", print(*census));
}

ir::Problem problem_of(int64_t m) {
  return ir::matmul(m, 2560, 2560, {ir::Element::trit, ir::Scaling::tensor});
}

void expect_golden_default(const std::string& golden, int64_t m, const std::string& target_name) {
  const targets::Target target = testing::listed_target(target_name);
  expect_golden_loop(golden + "_" + target_name, default_kernel(problem_of(m), target), target);
}

class GoldenDecode : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenDecode, InnerLoopOfOneToken) {
  expect_golden_default("decode", 1, GetParam());
}

TEST_P(GoldenDecode, InnerLoopOfManyTokens) {
  expect_golden_default("prefill", 512, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Targets, GoldenDecode,
                         ::testing::Values("x86-64-v3", "alderlake", "skylake-avx512", "icelake-server",
                                           "zen5", "cortex-a53", "neoverse-n1", "apple-m2", "neoverse-v1"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// What a strategy is made of where it is at home.
struct Home {
  std::string target;
  int64_t m;
  std::string recipe;  // as recipes are printed
  std::string instruction;
};

class GoldenRecipe : public ::testing::TestWithParam<Home> {};

TEST_P(GoldenRecipe, InnerLoop) {
  const auto& [target_name, m, wanted, instruction] = GetParam();
  const targets::Target target = testing::listed_target(target_name);
  std::string golden = wanted + "_" + target_name;
  std::replace(golden.begin(), golden.end(), ' ', '_');
  int found = 0;
  for (const Recipe& recipe : recipes(ir::Element::trit)) {
    if (print(recipe) != wanted) continue;
    ++found;
    expect_golden_loop(golden, make_kernel(recipe, problem_of(m), target), target);
  }
  EXPECT_EQ(found, 1);
  EXPECT_NE(testing::read_file(testing::golden_file(golden + ".census")).find("  " + instruction + "\n"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Homes, GoldenRecipe,
                         ::testing::Values(Home{"neoverse-n1", 1, "g2b4 lookup", "tbl"},
                                           Home{"apple-m2", 512, "b2 tile mma_2x8x2", "smmla"},
                                           Home{"neoverse-v1", 1, "g2b4 lookup", "tbl"},
                                           Home{"zen4", 1, "g3b5 dot table", "vpermb"},
                                           Home{"zen4", 1, "g5b8s lookup", "vpermt2b"},
                                           Home{"zen4", 1, "b2 dot", "vpdpbusd"},
                                           Home{"sapphire-rapids", 512, "b2 tile mma_16x64x16", "tdpbssd"}),
                         [](const auto& tested) {
                           std::string name = tested.param.recipe + "_" + tested.param.target;
                           for (char& letter : name) {
                             if (letter == ' ' || letter == '-') letter = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace tern::kernels

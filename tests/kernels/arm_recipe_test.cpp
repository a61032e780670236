// Every recipe that is legal on an AArch64 target, and the programs that build its tables, executed on every
// emulated CPU that has the instructions: for one token and for several, with padding everywhere.
#include <gtest/gtest.h>

#include <algorithm>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "targets/legal.h"
#include "tests/support/arm_harness.h"
#include "tests/support/random_program.h"
#include "tests/support/runnable_targets.h"

namespace tern::kernels {
namespace {

using testing::ArmCall;
using testing::Random;

ir::Problem random_problem(ir::Element weight, bool one_row, Random& random) {
  const int64_t m = one_row ? 1 : random.pick(2, 20), n = random.pick(1, 80), k = random.pick(1, 300);
  return ir::matmul(m, n, k, ir::weights_of(weight, 16));
}

// The same with exact sums of groups, of W alone or of A too.
ir::Problem grouped_problem(ir::Element weight, bool one_row, Random& random) {
  ir::Problem problem = random_problem(weight, one_row, random);
  const int64_t group = random.choose(std::vector<int64_t>{32, 64, 128});
  problem.w = {weight, ir::Scaling::group, group, random.coin() ? ir::Element::f16 : ir::Element::f32};
  if (random.coin()) problem.a = {ir::Element::i8, ir::Scaling::group, 32};
  return problem;
}

ArmCall preparation_call(const ir::Kernel& kernel, const ir::Program& program, Random& random) {
  for (const Error& error : ir::verify(program)) ADD_FAILURE() << error.text();
  return testing::interpreted_call("preparation of " + print(kernel), program,
                                   testing::random_buffers(program, random));
}

// The calls of a recipe's kernels; none if they are not legal on the target, or groups are not for the
// recipe.
void add_calls(std::vector<ArmCall>& calls, const Recipe& recipe, ir::Element weight,
               const targets::Target& target, Random& random) {
  std::vector<ir::Problem> problems;
  for (const bool one_row : {true, false}) {
    problems.push_back(random_problem(weight, one_row, random));
    if (problems.back().is_quantized()) problems.push_back(grouped_problem(weight, one_row, random));
  }
  for (const ir::Problem& problem : problems) {
    const std::vector<Recipe> listed = recipes(problem);
    if (std::ranges::find(listed, recipe) == listed.end()) continue;
    const ir::Kernel kernel = make_kernel(recipe, problem, target);
    if (!targets::legality_errors(kernel, target).empty()) continue;
    calls.push_back(testing::kernel_call(kernel, random.engine()));
    calls.back().label = target.name + ", " + print(recipe) + "\n" + calls.back().label;
    for (const ir::Program& preparation : codegen::preparations(kernel))
      calls.push_back(preparation_call(kernel, preparation, random));
  }
}

class ArmRecipe : public ::testing::TestWithParam<targets::Target> {};

TEST_P(ArmRecipe, GivesTheBitsOfTheReference) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  using ir::Element;
  const targets::Target& target = GetParam();
  Random random(1);
  std::vector<ArmCall> calls;
  for (const Element weight : {Element::trit, Element::sign, Element::i2, Element::i4, Element::i8,
                               Element::f16, Element::bf16, Element::f32}) {
    for (const Recipe& recipe : recipes(weight)) add_calls(calls, recipe, weight, target, random);
  }
  testing::expect_arm_agrees(target, calls);
}

INSTANTIATE_TEST_SUITE_P(Targets, ArmRecipe, ::testing::ValuesIn(testing::distinct_arm_targets()),
                         [](const auto& tested) {
                           std::string name = tested.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Which strategies the targets have, so that none is left out above unseen.
TEST(ArmRecipes, HaveEveryStrategyThatTheInstructionsAllow) {
  const auto is_legal = [](const Recipe& recipe, const std::string& name) {
    const targets::Target target = testing::listed_target(name);
    const ir::Problem problem = ir::matmul(20, 70, 130, {ir::Element::trit, ir::Scaling::tensor});
    return targets::legality_errors(make_kernel(recipe, problem, target), target).empty();
  };
  using ir::Packing;
  const Recipe lookup{Packing::g2b4, ir::LookupCompute{}};
  const Recipe pairs{Packing::b2, ir::TileCompute{ir::TileInstruction::mma_2x8x2}};
  const Recipe masks{Packing::planes, ir::AddsubCompute{}};
  for (const std::string name : {"armv8-a", "neoverse-n1", "apple-m2", "neoverse-v1"}) {
    EXPECT_TRUE(is_legal({}, name)) << name;
    EXPECT_TRUE(is_legal(lookup, name)) << name;
    EXPECT_EQ(is_legal(pairs, name), name == "apple-m2" || name == "neoverse-v1") << name;
    EXPECT_EQ(is_legal(masks, name), name == "neoverse-v1") << name;
  }
}

}  // namespace
}  // namespace tern::kernels

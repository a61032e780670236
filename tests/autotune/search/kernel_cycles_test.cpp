// What kernels cost by LLVM's scheduling models: on every listed target there is an answer, and answers for
// several sizes agree with one another.
#include <gtest/gtest.h>

#include "codegen/cost/cycle_estimate.h"
#include "codegen/lower/lower.h"
#include "kernels/knobs.h"
#include "targets/legal.h"

namespace tern::autotune {
namespace {

targets::Target target_named(const std::string& name) {
  const Expected<targets::Target> target = targets::load_target(name);
  EXPECT_TRUE(target) << target.error().text();
  return *target;
}

codegen::CycleEstimate estimate_of(const std::string& target_name, int64_t m, int64_t n, int64_t k) {
  const targets::Target target = target_named(target_name);
  const ir::Problem problem = ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
  const ir::Kernel kernel = kernels::make_kernel({ir::Packing::b2, ir::DotCompute{}}, problem, target);
  EXPECT_TRUE(targets::legality_errors(kernel, target).empty()) << target_name;
  const auto estimate = codegen::estimate_cycles(codegen::lower(kernel), target);
  EXPECT_TRUE(estimate) << estimate.error().text();
  return estimate ? *estimate : codegen::CycleEstimate{};
}

class KernelCycles : public ::testing::TestWithParam<const char*> {};

TEST_P(KernelCycles, AreKnown) {
  const codegen::CycleEstimate estimate = estimate_of(GetParam(), 1, 256, 1024);
  EXPECT_TRUE(estimate.loops_known);
  EXPECT_EQ(estimate.not_modelled, 0);
  EXPECT_FALSE(estimate.resources.empty());
  EXPECT_FALSE(estimate.limit_detail.empty());
  EXPECT_GT(estimate.inner_instructions, 8);
  EXPECT_GT(estimate.inner_iterations, 1);
  // The inner loop is what matters, and no CPU here starts more than eight instructions in a cycle.
  EXPECT_GT(estimate.inner_cycles * static_cast<double>(estimate.inner_iterations), 0.8 * estimate.cycles);
  EXPECT_GT(estimate.inner_cycles, estimate.inner_instructions / 8.0);
}

TEST_P(KernelCycles, GrowWithTheProblem) {
  const double once = estimate_of(GetParam(), 1, 256, 1024).cycles;
  EXPECT_NEAR(estimate_of(GetParam(), 1, 512, 1024).cycles / once, 2, 0.1);
  EXPECT_NEAR(estimate_of(GetParam(), 1, 256, 2048).cycles / once, 2, 0.1);
  // Many rows share what is unpacked.
  const double many = estimate_of(GetParam(), 64, 256, 1024).cycles;
  EXPECT_LT(many, 64 * once);
  EXPECT_GT(many, 8 * once);
}

INSTANTIATE_TEST_SUITE_P(Targets, KernelCycles,
                         ::testing::Values("x86-64-v3", "zen4", "zen5", "sapphire-rapids", "neoverse-n1",
                                           "neoverse-v2", "apple-m2", "cortex-a53", "armv8-a", "generic"));

TEST(Cycles, EveryListedTargetHasAnAnswer) {
  for (const std::string& name : targets::target_names()) {
    const Expected<codegen::CycleModel> model = codegen::CycleModel::make(target_named(name));
    EXPECT_EQ(static_cast<bool>(model), name != "rv64gcv") << name;
  }
}

// Strategies of different kinds have loops of different shapes.
TEST(Cycles, LoopsOfEveryRecipeAreKnown) {
  for (const char* name : {"sapphire-rapids", "apple-m2"}) {
    const targets::Target target = target_named(name);
    Expected<codegen::CycleModel> model = codegen::CycleModel::make(target);
    ASSERT_TRUE(model) << model.error().text();
    for (const kernels::Recipe& recipe : kernels::recipes(ir::Element::trit)) {
      const ir::Problem problem = ir::matmul(8, 256, 512, {ir::Element::trit, ir::Scaling::tensor});
      const ir::Kernel kernel = kernels::make_kernel(recipe, problem, target);
      if (!targets::legality_errors(kernel, target).empty()) continue;
      const auto estimate = model->estimate(codegen::lower(kernel));
      ASSERT_TRUE(estimate) << estimate.error().text();
      EXPECT_TRUE(estimate->loops_known) << name << " " << print(recipe);
      EXPECT_GT(estimate->cycles, 0) << name << " " << print(recipe);
    }
  }
}

}  // namespace
}  // namespace tern::autotune

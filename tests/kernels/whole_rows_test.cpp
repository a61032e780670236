// Kernels that quantise the rows of C: every recipe and every epilogue, on every target that this machine can
// run or emulate, gives the bits of the reference, also for rows that hold what is no number; and the next
// product takes what they leave.
#include "kernels/whole_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "codegen/jit/jit.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "targets/legal.h"
#include "tests/support/arm_harness.h"
#include "tests/support/matmul_case.h"
#include "tests/support/program_call.h"
#include "tests/support/random.h"
#include "tests/support/runnable_targets.h"

namespace tern::kernels {
namespace {

using testing::Random;

ir::Problem ternary(int64_t m, int64_t n, int64_t k) {
  return ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
}

// A problem that needs padding everywhere; its rows are shorter than a vector now and then.
ir::Problem random_problem(ir::Element weight, bool one_row, Random& random) {
  ir::Problem problem = ternary(one_row ? 1 : random.pick(2, 20), random.pick(1, random.coin() ? 150 : 20),
                                random.pick(1, 300));
  problem.w.element = weight;
  if (random.coin()) problem.w.scaling = ir::Scaling::row;
  return problem;
}

ir::Kernel quantizing(ir::Kernel kernel, Random& random) {
  kernel.epilogue = static_cast<ir::Epilogue>(random.pick(0, 2));
  return with_quantized_rows(std::move(kernel));
}

TEST(WholeRows, EveryLegalRecipeGivesTheBitsOfTheReference) {
  Random random(1);
  for (const targets::Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    for (const ir::Element weight : {ir::Element::trit, ir::Element::sign}) {
      for (const Recipe& recipe : recipes(weight)) {
        const ir::Problem problem = random_problem(weight, random.coin(), random);
        const ir::Kernel kernel = quantizing(make_kernel(recipe, problem, target), random);
        SCOPED_TRACE(target.name + ": " + print(recipe) + "\n" + print(kernel));
        for (const Error& error : ir::verify(kernel)) FAIL() << error.text();
        if (!targets::legality_errors(kernel, target).empty()) continue;
        const ir::Program program = codegen::lower(kernel);
        for (const Error& error : ir::verify(program)) FAIL() << error.text() << print(program);
        const ir::MatmulInputs inputs = testing::random_inputs(problem, random.engine());
        const std::vector<float> expected = testing::expected_result(kernel, inputs);
        ASSERT_TRUE(testing::same_bits(testing::run_interpreted(kernel, program, inputs), expected));
        const Expected<codegen::CompiledKernel> compiled = jit->compile(kernel);
        ASSERT_TRUE(compiled) << compiled.error().text();
        ASSERT_TRUE(testing::same_bits(testing::run_compiled(*compiled, kernel, inputs), expected));
      }
    }
  }
}

TEST(WholeRows, EmulatedArmGivesTheBitsOfTheReference) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  Random random(2);
  for (const targets::Target& target : testing::distinct_arm_targets()) {
    std::vector<testing::ArmCall> calls;
    for (const Recipe& recipe : recipes(ir::Element::trit)) {
      const ir::Problem problem = random_problem(ir::Element::trit, random.coin(), random);
      const ir::Kernel kernel = quantizing(make_kernel(recipe, problem, target), random);
      if (targets::legality_errors(kernel, target).empty())
        calls.push_back(testing::kernel_call(kernel, random.engine()));
    }
    testing::expect_arm_agrees(target, calls);
  }
}

// Loops over n become the callers' no more; those over m stay theirs, and one row has one too.
TEST(WholeRows, ThreadsShareOutRowsAlone) {
  for (const targets::Target& target : testing::runnable_targets()) {
    for (const int64_t m : {1, 3, 40}) {
      const ir::Program program =
          codegen::lower(with_quantized_rows(default_kernel(ternary(m, 600, 300), target)));
      const std::vector<const ir::Loop*> loops = parallel_loops(program);
      ASSERT_EQ(loops.size(), 1u);
      EXPECT_EQ(program.variables[loops[0]->variable], "m0");
    }
  }
}

// The longest rows that there are: 2^24 times 127 is all but 2^31.
TEST(WholeRows, SumsOfTheLongestFit) {
  const targets::Target target = testing::listed_target("generic");
  const ir::Kernel kernel = with_quantized_rows(default_kernel(ternary(1, 1 << 24, 1), target));
  for (const Error& error : ir::verify(kernel)) ADD_FAILURE() << error.text();
  for (const Error& error : ir::verify(codegen::lower(kernel))) ADD_FAILURE() << error.text();
}

// C that is infinite or no number: the activations' scale is 0 or NaN, for some rows.
TEST(WholeRows, WhatIsNotFiniteGivesZerosAndNaN) {
  Random random(3);
  constexpr int64_t m = 5, n = 70, k = 40;
  ir::MatmulInputs inputs = testing::random_inputs(ternary(m, n, k), random.engine());
  inputs.activation_scales[1] = std::numeric_limits<float>::quiet_NaN();
  inputs.activation_scales[3] = 0;
  inputs.other[2 * n + 69] = -std::numeric_limits<float>::infinity();
  for (const targets::Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    ir::Kernel kernel = with_quantized_rows(default_kernel(ternary(m, n, k), target));
    kernel.epilogue = ir::Epilogue::residual;
    const std::vector<float> expected = testing::expected_result(kernel, inputs);
    for (int64_t row = 0; row < m; ++row)
      EXPECT_EQ(std::isnan(expected[expected.size() - m + row]), row == 1 || row == 2 || row == 3) << row;
    const Expected<codegen::CompiledKernel> compiled = jit->compile(kernel);
    ASSERT_TRUE(compiled) << compiled.error().text();
    for (const std::vector<float>& actual : {testing::run_compiled(*compiled, kernel, inputs),
                                             testing::run_interpreted(kernel, compiled->program(), inputs)}) {
      ASSERT_EQ(actual.size(), expected.size());
      for (size_t i = 0; i < actual.size(); ++i) {
        ASSERT_TRUE(testing::same_element(ir::Element::f32, reinterpret_cast<const std::byte*>(&expected[i]),
                                          reinterpret_cast<const std::byte*>(&actual[i])))
            << target.name << " " << i;
      }
    }
  }
}

// Magnitudes around 1e-5, below which rows are not scaled up any more.
TEST(WholeRows, TinyRowsAreScaledAsTheReferenceDoes) {
  Random random(4);
  const targets::Target target = testing::listed_target("generic");
  ir::MatmulInputs inputs = testing::random_inputs(ternary(4, 30, 40), random.engine());
  const ir::Kernel kernel = with_quantized_rows(default_kernel(ternary(4, 30, 40), target));
  const ir::Program program = codegen::lower(kernel);
  for (const float scale : {1e-8f, 1e-7f, 1e-6f, 1e-38f, 0.0f}) {
    inputs.weight_scale = scale;
    EXPECT_TRUE(testing::same_bits(testing::run_interpreted(kernel, program, inputs),
                                   testing::expected_result(kernel, inputs)))
        << scale;
  }
}

// Q, qsum and sq are A, asum and sa of a product with as many inputs.
TEST(WholeRows, TheNextProductTakesThem) {
  Random random(5);
  const targets::Target target = testing::listed_target("generic");
  constexpr int64_t m = 3, k = 90, hidden = 77, n = 50;
  for (const Recipe& recipe : {Recipe{}, Recipe{ir::Packing::g5b8, ir::DotCompute{{1, ir::Unpack::table}}}}) {
    const ir::Kernel first = with_quantized_rows(make_kernel(recipe, ternary(m, hidden, k), target));
    const ir::Kernel next = make_kernel(recipe, ternary(m, n, hidden), target);
    const ir::MatmulInputs inputs = testing::random_inputs(first.problem, random.engine());
    const ir::Program produce = codegen::lower(first), consume = codegen::lower(next);
    testing::KernelCall call(first, produce, inputs);
    interpret(produce, call.buffers(), full_ranges(produce));

    ir::MatmulInputs passed_on = testing::random_inputs(next.problem, random.engine());
    const ir::QuantizedRows rows =
        ir::reference_quantized(ir::reference(first.problem, inputs, first.epilogue), hidden);
    passed_on.quantized = rows.values;
    passed_on.activation_scales = rows.scales;
    testing::KernelCall next_call(next, consume, passed_on);
    std::vector<std::byte*> buffers = next_call.buffers();
    using ir::BufferRole;
    for (const auto& [to, from] : {std::pair{BufferRole::activations, BufferRole::quantized_output},
                                   std::pair{BufferRole::activation_sums, BufferRole::output_sums},
                                   std::pair{BufferRole::activation_scales, BufferRole::output_scales}})
      buffers[parameter_index(consume, to)] = call.find(from);
    interpret(consume, buffers, full_ranges(consume));
    EXPECT_TRUE(testing::same_bits(next_call.result(), testing::expected_result(next, passed_on)))
        << print(recipe);
  }
}

}  // namespace
}  // namespace tern::kernels

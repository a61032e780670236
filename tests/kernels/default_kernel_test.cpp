// Every packing x strategy x x86 target that this machine can run, on random problems: the reference, the
// interpreter and the compiled kernel give the same bits, and every text parses back to itself.
#include "kernels/default_kernel.h"

#include <gtest/gtest.h>

#include "codegen/jit/jit.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "targets/legal.h"
#include "tests/support/matmul_case.h"
#include "tests/support/runnable_targets.h"

namespace tern::kernels {
namespace {

using targets::Target;

ir::Problem ternary(int64_t m, int64_t n, int64_t k) {
  return ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
}

void expect_all_agree(const ir::Kernel& kernel, const codegen::Jit& jit, std::mt19937& random,
                      bool interpret = true) {
  SCOPED_TRACE(jit.target().name + "\n" + print(kernel));
  for (const Error& error : ir::verify(kernel)) ADD_FAILURE() << error.text();
  const Expected<ir::ParsedKernel> reparsed = ir::parse_kernel(print(kernel));
  ASSERT_TRUE(reparsed) << reparsed.error().text();
  EXPECT_EQ(reparsed->kernel, kernel);

  const ir::Program program = codegen::lower(kernel, [](std::string_view pass, const ir::Program& stage) {
    SCOPED_TRACE(std::string(pass));
    for (const Error& error : ir::verify(stage)) ADD_FAILURE() << error.text() << "\n" << print(stage);
    const Expected<ir::Program> again = ir::parse_program(print(stage));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, stage);
  });
  const Expected<codegen::CompiledKernel> compiled = jit.compile(kernel);
  ASSERT_TRUE(compiled) << compiled.error().text();

  const ir::MatmulInputs inputs = testing::random_inputs(kernel.problem, random);
  const std::vector<float> expected = testing::expected_result(kernel, inputs);
  if (interpret) {
    EXPECT_TRUE(testing::same_bits(testing::run_interpreted(kernel, program, inputs), expected))
        << "interpreter";
  }
  EXPECT_TRUE(testing::same_bits(testing::run_compiled(*compiled, kernel, inputs), expected)) << "compiled";
}

TEST(DefaultKernel, RandomProblemsAgreeOnEveryTarget) {
  std::mt19937 random(1);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (const Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    for (int round = 0; round < 6; ++round) {
      const int64_t m = round % 2 ? pick(1, 33) : 1, n = pick(1, 600), k = pick(1, 600);
      expect_all_agree(default_kernel(ternary(m, n, k), target), *jit, random);
    }
    for (const ir::Element weight : {ir::Element::trit, ir::Element::sign, ir::Element::i2}) {
      for (const int64_t group : {32, 64, 128}) {
        const int64_t n = pick(1, 300), k = pick(1, 700);
        ir::Problem problem = ir::matmul(1, n, k, {weight, ir::Scaling::group, group, ir::Element::f16});
        expect_all_agree(default_kernel(problem, target), *jit, random);
        problem.m = pick(2, 20);
        if (group == 128) problem.a = {ir::Element::i8, ir::Scaling::group, 32};
        expect_all_agree(default_kernel(problem, target), *jit, random);
      }
    }
    for (const ir::Element weight :
         {ir::Element::f16, ir::Element::bf16, ir::Element::f32, ir::Element::i8}) {
      const int64_t m = pick(1, 5), n = pick(1, 200), k = pick(1, 200);
      ir::Problem problem = ir::matmul(m, n, k, ir::weights_of(weight, 16));
      expect_all_agree(default_kernel(problem, target), *jit, random);
      problem.m = 1;
      expect_all_agree(default_kernel(problem, target), *jit, random);
    }
  }
}

TEST(DefaultKernel, ShapesOf2B4TAgreeOnEveryTarget) {
  std::mt19937 random(2);
  for (const Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    const std::pair<int64_t, int64_t> shapes[] = {{2560, 2560}, {640, 2560}, {6912, 2560}, {2560, 6912}};
    for (const auto& [n, k] : shapes)
      expect_all_agree(default_kernel(ternary(1, n, k), target), *jit, random, false);
    expect_all_agree(default_kernel(ternary(13, 640, 2560), target), *jit, random, false);
  }
}

// What a kernel keeps on the stack grows with its inputs; models may have up to 131072.
TEST(DefaultKernel, VerifiesForAnyWidthOfAModelOnEveryTarget) {
  for (const std::string& name : targets::target_names()) {
    const targets::Target target = testing::listed_target(name);
    for (const ir::Element weight : {ir::Element::trit, ir::Element::i2, ir::Element::sign}) {
      for (const int64_t group : {0, 128}) {
        for (const int64_t k : {31999, 32000, 32768, 131072}) {
          ir::Problem problem = ir::matmul(256, 64, k, ir::weights_of(weight));
          if (group != 0) problem.w = {weight, ir::Scaling::group, group, ir::Element::f16};
          const ir::Kernel kernel = default_kernel(problem, target);
          for (const Error& error : ir::verify(kernel))
            ADD_FAILURE() << name << error.text() << print(kernel);
          for (const Error& error : ir::verify(codegen::lower(kernel)))
            ADD_FAILURE() << name << ", k " << k << ": " << error.text();
        }
      }
    }
  }
}

TEST(DefaultKernel, TheLayoutDoesNotDependOnTheRows) {
  for (const std::string& name : targets::target_names()) {
    const Expected<Target> target = targets::load_target(name);
    ASSERT_TRUE(target) << target.error().text();
    for (int64_t m : {2, 7, 512})
      EXPECT_EQ(default_kernel(ternary(m, 640, 2560), *target).weights,
                default_kernel(ternary(1, 640, 2560), *target).weights);
  }
}

}  // namespace
}  // namespace tern::kernels

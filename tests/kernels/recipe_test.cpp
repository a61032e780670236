// Every recipe, on every target that this machine can run: what is legal is right, bit for bit; and no recipe
// is illegal everywhere.
#include "kernels/recipe.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "codegen/jit/jit.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "targets/legal.h"
#include "tests/support/matmul_case.h"
#include "tests/support/random.h"
#include "tests/support/runnable_targets.h"

namespace tern::kernels {
namespace {

using testing::Random;

std::vector<ir::Element> weights() {
  using ir::Element;
  return {Element::trit, Element::sign, Element::i2,   Element::i4,
          Element::i8,   Element::f16,  Element::bf16, Element::f32};
}

ir::Problem problem_of(ir::Element weight, int64_t m, int64_t n, int64_t k) {
  return ir::matmul(m, n, k, ir::weights_of(weight, 16));
}

bool is_legal(const ir::Kernel& kernel, const targets::Target& target) {
  return targets::legality_errors(kernel, target).empty();
}

// A problem that needs padding everywhere, for one token or several.
ir::Problem random_problem(ir::Element weight, bool one_row, Random& random) {
  return problem_of(weight, one_row ? 1 : random.pick(2, 40), random.pick(1, 150), random.pick(1, 400));
}

TEST(Recipe, EveryLegalOneGivesTheBitsOfTheReference) {
  Random random(1);
  std::set<std::string> executed;
  for (const targets::Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    for (const ir::Element weight : weights()) {
      for (const bool one_row : {true, false}) {
        const ir::Problem problem = random_problem(weight, one_row, random);
        const ir::MatmulInputs inputs = testing::random_inputs(problem, random.engine());
        const std::vector<float> expected = ir::reference(problem, inputs);
        for (const Recipe& recipe : recipes(weight)) {
          const ir::Kernel kernel = make_kernel(recipe, problem, target);
          for (const Error& error : ir::verify(kernel)) FAIL() << error.text() << print(kernel);
          if (!is_legal(kernel, target)) continue;
          SCOPED_TRACE(target.name + ": " + print(recipe) + "\n" + print(kernel));
          const Expected<codegen::CompiledKernel> compiled = jit->compile(kernel);
          ASSERT_TRUE(compiled) << compiled.error().text();
          ASSERT_TRUE(testing::same_bits(testing::run_compiled(*compiled, kernel, inputs), expected));
          executed.insert(print(recipe));
        }
      }
    }
  }
  // All but what only other CPUs have instructions for were executed, by portable code at least.
  for (const ir::Element weight : weights()) {
    for (const Recipe& recipe : recipes(weight))
      EXPECT_EQ(executed.count(print(recipe)), 1u) << print(recipe);
  }
}

// A random problem with exact sums for `group` inputs: the group of W, of A, or of both, the larger of A.
ir::Problem grouped_problem(ir::Element weight, int64_t group, bool one_row, Random& random) {
  ir::Problem problem = random_problem(weight, one_row, random);
  const int64_t kind = random.pick(0, 3);
  if (kind != 0)
    problem.w = {weight, ir::Scaling::group, group, random.coin() ? ir::Element::f16 : ir::Element::f32};
  if (kind == 0 || kind == 3)
    problem.a = {ir::Element::i8, ir::Scaling::group, kind == 3 ? 2 * group : group};
  return problem;
}

constexpr ir::Element quantized_weights[] = {ir::Element::trit, ir::Element::sign, ir::Element::i2};

TEST(Recipe, EveryLegalOneGivesTheBitsOfTheReferenceWithGroups) {
  Random random(4);
  std::set<std::string> executed;
  const auto key = [](const Recipe& recipe, int64_t group) {
    return print(recipe) + " " + std::to_string(group);
  };
  for (const targets::Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    const bool generic = target.architecture == targets::Architecture::any;
    for (const ir::Element weight : quantized_weights) {
      const int64_t one = random.choose(std::vector<int64_t>{32, 64, 128});
      for (const int64_t group : generic ? std::vector<int64_t>{32, 64, 128} : std::vector<int64_t>{one}) {
        const ir::Problem problem = grouped_problem(weight, group, random.coin(), random);
        const ir::MatmulInputs inputs = testing::random_inputs(problem, random.engine());
        const std::vector<float> expected = ir::reference(problem, inputs);
        for (const Recipe& recipe : recipes(problem)) {
          const ir::Kernel kernel = make_kernel(recipe, problem, target);
          SCOPED_TRACE(target.name + ": " + print(recipe) + "\n" + print(kernel));
          for (const Error& error : ir::verify(kernel)) FAIL() << error.text();
          if (!is_legal(kernel, target)) continue;
          const Expected<codegen::CompiledKernel> compiled = jit->compile(kernel);
          ASSERT_TRUE(compiled) << compiled.error().text();
          ASSERT_TRUE(testing::same_bits(testing::run_compiled(*compiled, kernel, inputs), expected));
          executed.insert(key(recipe, group));
        }
      }
    }
  }
  for (const int64_t group : {32, 64, 128}) {
    for (const ir::Element weight : quantized_weights) {
      for (const Recipe& recipe : recipes(grouped_problem(weight, group, true, random)))
        EXPECT_EQ(executed.count(key(recipe, group)), 1u) << print(recipe) << ", groups of " << group;
    }
  }
}

// Heads and embeddings of i8 and i4 with scales for 16 or 32 inputs, whose activations are quantised by row
// or by group: every recipe on every target, for one token and for several.
TEST(Recipe, EveryLegalOneGivesTheBitsOfTheReferenceForWholeNumbers) {
  Random random(6);
  std::set<std::string> executed;
  std::set<std::string> listed;
  for (const targets::Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    for (const ir::Element weight : {ir::Element::i4, ir::Element::i8}) {
      for (const int64_t group : {16, 32}) {
        for (const int64_t activation_group : {0, 32}) {
          const int64_t m = random.coin() ? 1 : random.pick(2, 40);
          const ir::Problem problem =
              ir::quantized_matmul(m, random.pick(1, 150), random.pick(1, 400),
                                   {weight, ir::Scaling::group, group}, activation_group);
          const ir::MatmulInputs inputs = testing::random_inputs(problem, random.engine());
          const std::vector<float> expected = ir::reference(problem, inputs);
          std::vector<ir::Kernel> kernels = {default_kernel(problem, target)};
          EXPECT_TRUE(is_legal(kernels[0], target)) << target.name << print(kernels[0]);
          for (const Recipe& recipe : recipes(problem)) {
            listed.insert(print(recipe));
            kernels.push_back(make_kernel(recipe, problem, target));
            if (is_legal(kernels.back(), target)) executed.insert(print(recipe));
          }
          for (const ir::Kernel& kernel : kernels) {
            SCOPED_TRACE(target.name + "\n" + print(kernel));
            for (const Error& error : ir::verify(kernel)) FAIL() << error.text();
            if (!is_legal(kernel, target)) continue;
            const Expected<codegen::CompiledKernel> compiled = jit->compile(kernel);
            ASSERT_TRUE(compiled) << compiled.error().text();
            ASSERT_TRUE(testing::same_bits(testing::run_compiled(*compiled, kernel, inputs), expected));
          }
        }
      }
    }
  }
  EXPECT_EQ(executed, listed);
  for (const char* recipe :
       {"i8 dot", "i8 dot signed", "i4 dot", "i4 dot signed", "i8 tile dot4", "i4 tile mma_2x8x2"})
    EXPECT_TRUE(listed.contains(recipe)) << recipe;
}

// Recipes that no problem with such groups lists are refused with a reason, and the others verify and
// interpret right on every target.
TEST(Recipe, GroupsAreWholeStepsOfInputsOrRefused) {
  Random random(5);
  for (const ir::Element weight : quantized_weights) {
    for (const int64_t group : {32, 64, 128}) {
      const ir::Problem problem = grouped_problem(weight, group, false, random);
      const std::vector<Recipe> listed = recipes(problem);
      for (const Recipe& recipe : recipes(weight)) {
        const targets::Target target = testing::listed_target(
            random.choose(std::vector<std::string>{"zen4", "x86-64-v3", "neoverse-n1", "sapphire-rapids"}));
        const ir::Kernel kernel = make_kernel(recipe, problem, target);
        SCOPED_TRACE(target.name + ": " + print(recipe) + "\n" + print(kernel));
        if (std::ranges::find(listed, recipe) == listed.end()) {
          EXPECT_FALSE(ir::verify(kernel).empty());
          continue;
        }
        for (const Error& error : ir::verify(kernel)) FAIL() << error.text();
        const ir::Program program = codegen::lower(kernel);
        for (const Error& error : ir::verify(program)) FAIL() << error.text();
        const ir::MatmulInputs inputs = testing::random_inputs(problem, random.engine());
        EXPECT_TRUE(testing::same_bits(testing::run_interpreted(kernel, program, inputs),
                                       ir::reference(problem, inputs)));
      }
    }
  }
}

TEST(Recipe, EveryOneIsLegalSomewhereAndInterpretsRight) {
  Random random(2);
  for (const ir::Element weight : weights()) {
    for (const Recipe& recipe : recipes(weight)) {
      std::vector<std::string> legal;
      for (const std::string& name : targets::target_names()) {
        const targets::Target target = testing::listed_target(name);
        const ir::Problem problem = problem_of(weight, 20, 70, 130);
        const ir::Kernel kernel = make_kernel(recipe, problem, target);
        SCOPED_TRACE(target.name + ": " + print(recipe) + "\n" + print(kernel));
        ASSERT_TRUE(ir::verify(kernel).empty());
        if (!is_legal(kernel, target)) continue;
        const ir::Program program = codegen::lower(kernel);
        for (const Error& error : ir::verify(program)) FAIL() << error.text();
        if (!legal.empty()) continue;
        legal.push_back(name);
        const ir::MatmulInputs inputs = testing::random_inputs(problem, random.engine());
        EXPECT_TRUE(testing::same_bits(testing::run_interpreted(kernel, program, inputs),
                                       ir::reference(problem, inputs)));
      }
      EXPECT_FALSE(legal.empty()) << print(recipe);
    }
  }
}

TEST(Recipe, OneLayoutServesEveryNumberOfRowsAndTheStrategiesThatShareIt) {
  const targets::Target target = testing::listed_target("sapphire-rapids");
  const auto layout = [&](const Recipe& recipe, int64_t m) {
    return make_kernel(recipe, problem_of(ir::Element::trit, m, 640, 2560), target).weights;
  };
  for (const Recipe& recipe : recipes(ir::Element::trit)) {
    EXPECT_EQ(layout(recipe, 1), layout(recipe, 512)) << print(recipe);
    const ir::LookupCompute* lookup = std::get_if<ir::LookupCompute>(&recipe.compute);
    const bool shared = unpacking_of(recipe.compute) || (lookup && lookup->by_dot4);
    const Recipe plain{recipe.packing, ir::DotCompute{{1, plain_unpack(recipe.packing)}}};
    if (shared) {
      EXPECT_EQ(layout(recipe, 1), layout(plain, 1)) << print(recipe);
    }
  }
}

TEST(Recipe, PreparationsWriteWhatTheInterpreterWrites) {
  Random random(3);
  for (const targets::Target& target : testing::runnable_targets()) {
    const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    for (const Recipe& recipe : recipes(ir::Element::trit)) {
      const ir::Kernel kernel = make_kernel(recipe, problem_of(ir::Element::trit, 2, 64, 130), target);
      const std::vector<ir::Program> programs = codegen::preparations(kernel);
      if (programs.empty()) continue;
      ASSERT_EQ(programs.size(), 1u);
      const ir::Program& build = programs[0];
      for (const Error& error : ir::verify(build)) FAIL() << error.text();
      const Expected<codegen::CompiledKernel> compiled = jit->compile(build);
      ASSERT_TRUE(compiled) << compiled.error().text();
      struct alignas(64) Block : std::array<std::byte, 64> {};  // as aligned as the buffers must be
      std::vector<std::vector<Block>> expected, actual;
      for (const ir::Buffer& buffer : build.buffers) expected.emplace_back(buffer.size / 64 + 1);
      for (Block& block : expected[0]) {
        for (std::byte& value : block) value = static_cast<std::byte>(random.pick(0, 255));
      }
      actual = expected;
      std::vector<std::byte*> places;
      std::vector<void*> pointers;
      for (std::vector<Block>& content : expected) places.push_back(content[0].data());
      for (std::vector<Block>& content : actual) pointers.push_back(content[0].data());
      interpret(build, places, full_ranges(build));
      (*compiled)(pointers, full_ranges(build));
      EXPECT_TRUE(expected == actual) << target.name << ": " << print(recipe);
    }
  }
}

}  // namespace
}  // namespace tern::kernels

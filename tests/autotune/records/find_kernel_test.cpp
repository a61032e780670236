// From the choices of a database to the kernel for a problem, at any number of rows.
#include <gtest/gtest.h>

#include "autotune/records/database.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/resize.h"
#include "targets/legal.h"
#include "tests/support/random_kernel.h"

namespace tern::autotune {
namespace {

using ir::Problem;

targets::Target target() {
  return targets::load_target("icelake-server").take();
}

Problem ternary(int64_t m, int64_t n = 640) {
  return ir::matmul(m, n, 2560, {ir::Element::trit, ir::Scaling::tensor});
}

// A choice whose layout is not the default's: told by the weights' alignment.
Choice choice_of(const std::vector<int64_t>& rows, int64_t alignment = 128, int threads = 1) {
  Choice choice{{target().name, threads}, {}, {}, {}, false, true, "2026-11-21T10:00:00Z"};
  for (const int64_t m : rows) {
    choice.kernels.push_back(kernels::default_kernel(ternary(m), target()));
    choice.kernels.back().weights.alignment = alignment;
    choice.seconds.push_back(1e-5);
    choice.ratios.push_back(0.9);
  }
  return choice;
}

Database database_of(std::vector<Choice> choices) {
  return {provenance_of(target()), {}, std::move(choices), {}};
}

TEST(Resized, IsWhatTheSameKnobsMakeOfFewerRows) {
  for (const char* name : {"icelake-server", "neoverse-n1", "sapphire-rapids", "neoverse-v2"}) {
    const targets::Target cpu = targets::load_target(name).take();
    for (const kernels::Recipe& recipe : kernels::recipes(ir::Element::trit)) {
      kernels::Knobs knobs = kernels::default_knobs(recipe, ternary(300), cpu);
      for (const bool outside : {false, true}) {
        knobs.rows_outside = outside;
        const ir::Kernel many = kernels::make_kernel(recipe, knobs, ternary(300));
        for (const int64_t m : {1, 2, 3, 4, 5, 7, 16, 17, 64, 255, 300}) {
          // Of loops that are run once, the order is the same to all.
          if (m == 1 && outside && recipe.strategy() == ir::Strategy::tile) continue;
          kernels::Knobs balanced = knobs;
          balanced.tile_rows = ir::ceil_divide(m, ir::ceil_divide(m, knobs.tile_rows));
          EXPECT_EQ(print(kernels::resized(many, m)),
                    print(kernels::make_kernel(recipe, balanced, ternary(m))))
              << name << ", " << print(recipe);
        }
      }
    }
  }
}

TEST(Resized, GivesOneRowsKernelsTheLoopsForMore) {
  for (const kernels::Recipe& recipe : kernels::recipes(ir::Element::trit)) {
    if (recipe.strategy() == ir::Strategy::tile) continue;
    kernels::Knobs knobs = kernels::default_knobs(recipe, ternary(1), target());
    knobs.tile_rows = 1;
    const ir::Kernel one = kernels::make_kernel(recipe, knobs, ternary(1));
    EXPECT_EQ(print(kernels::resized(one, 9)), print(kernels::make_kernel(recipe, knobs, ternary(9))))
        << print(recipe);
  }
}

TEST(Resized, KernelsOfAnySortStayRightAndLegal) {
  testing::Random random(5);
  for (const char* name : {"generic", "icelake-server", "sapphire-rapids", "neoverse-v2"}) {
    const targets::Target cpu = targets::load_target(name).take();
    for (int i = 0; i < 150; ++i) {
      const ir::Kernel kernel = testing::random_kernel(random, cpu);
      for (const int64_t m : {int64_t{1}, int64_t{2}, random.pick(1, 40), int64_t{4096}}) {
        const ir::Kernel other = kernels::resized(kernel, m);
        const std::vector<Error> errors = ir::verify(other);
        ASSERT_TRUE(errors.empty()) << errors[0].text() << "\n" << print(kernel) << print(other);
        EXPECT_TRUE(targets::legality_errors(other, cpu).empty()) << print(other);
        EXPECT_EQ(other.problem.m, m);
        EXPECT_EQ(other.weights, kernel.weights);
      }
    }
  }
}

TEST(FindKernel, TakesTheNearestRowsAndResizes) {
  const Database database = database_of({choice_of({1, 4, 64})});
  const auto steps = [&](int64_t m) {
    const std::optional<ir::Kernel> kernel = find_kernel(database, ternary(m), target());
    EXPECT_TRUE(kernel && kernel->problem == ternary(m) && kernel->weights.alignment == 128) << m;
    return kernel ? kernel->schedule : ir::Schedule();
  };
  const auto made = [](int64_t of, int64_t m) {
    return kernels::resized(kernels::default_kernel(ternary(of), target()), m).schedule;
  };
  EXPECT_EQ(steps(1), made(1, 1));
  EXPECT_EQ(steps(2), made(4, 2));
  EXPECT_EQ(steps(4), made(4, 4));
  EXPECT_EQ(steps(5), made(64, 5));
  EXPECT_EQ(steps(1000), made(64, 1000));
  const auto measured_rows = [&](int64_t m) {
    return find_choice_kernel(database, ternary(m), target())->measured_rows;
  };
  const std::vector<std::pair<int64_t, int64_t>> expected = {{1, 1}, {2, 4}, {4, 4}, {5, 64}, {1000, 64}};
  for (const auto& [m, rows] : expected) EXPECT_EQ(measured_rows(m), rows) << m;
}

TEST(FindKernel, OnlyWhatTheChoiceIsFor) {
  const Database database = database_of({choice_of({1, 4})});
  EXPECT_TRUE(find_kernel(database, ternary(1), target()));
  EXPECT_FALSE(find_kernel(database, ternary(1, 1280), target()));
  Problem signs = ternary(1);
  signs.w.element = ir::Element::sign;
  EXPECT_FALSE(find_kernel(database, signs, target()));
  targets::Target renamed = target();
  renamed.name = "host";
  EXPECT_FALSE(find_kernel(database, ternary(1), renamed));
  EXPECT_FALSE(find_kernel(database_of({}), ternary(1), target()));
}

TEST(FindKernel, OneChoiceServesEveryScaleOfTheWhole) {
  Problem rows = ternary(4);
  rows.w.scaling = ir::Scaling::row;
  const std::optional<ir::Kernel> kernel = find_kernel(database_of({choice_of({4})}), rows, target());
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->problem, rows);
  EXPECT_TRUE(ir::verify(*kernel).empty());
}

TEST(FindKernel, AnIllegalKernelRulesItsChoiceOutForAllRows) {
  // Matrices need AMX, which this target has not.
  const targets::Target amx = targets::load_target("sapphire-rapids").take();
  Choice mixed = choice_of({1});
  const kernels::Recipe matrices{ir::Packing::b2, ir::TileCompute{ir::TileInstruction::mma_16x64x16}};
  mixed.kernels.push_back(kernels::make_kernel(matrices, ternary(64), amx));
  EXPECT_FALSE(targets::legality_errors(mixed.kernels[1], target()).empty());
  EXPECT_FALSE(find_kernel(database_of({mixed}), ternary(1), target()));
  EXPECT_FALSE(find_kernel(database_of({mixed}), ternary(64), target()));
}

TEST(FindKernel, PrefersTheNumberOfThreads) {
  const Database database = database_of({choice_of({1}, 128, 1), choice_of({1}, 256, 4)});
  const auto alignment = [&](int threads) {
    return find_kernel(database, ternary(1), target(), threads)->weights.alignment;
  };
  EXPECT_EQ(alignment(1), 128);
  EXPECT_EQ(alignment(2), 128);
  EXPECT_EQ(alignment(3), 256);
  EXPECT_EQ(alignment(16), 256);
}

}  // namespace
}  // namespace tern::autotune

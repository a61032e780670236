// Bundles as the runtime reads them: made up here as data, with functions that do nothing.
#include "runtime/execute/kernel_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "codegen/bundle/bundle.h"
#include "codegen/lower/lower.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "targets/host.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

int calls = 0;
void count_calls(void* const*, const int64_t* ranges) {
  calls += static_cast<int>(ranges[1] - ranges[0]);
}

constexpr ir::Problem one_row = ir::matmul(1, 32, 64, {ir::Element::trit, ir::Scaling::tensor});
constexpr ir::Problem seven_rows = ir::matmul(7, 32, 64, {ir::Element::trit, ir::Scaling::tensor});

// A bundle for two targets, of which each machine runs the second.
class MadeUpBundle {
 public:
  MadeUpBundle() {
    for (const ir::Problem& problem : {one_row, seven_rows}) add(problem);
    targets_[0] = {"grand", all_features(), 512, kernels_.data(), 2};
    targets_[1] = {"humble", "", 128, kernels_.data(), 2};
    bundle = {TERN_BUNDLE_ABI, "a test", targets_, 2};
  }
  MadeUpBundle(const MadeUpBundle&) = delete;

  tern_kernel& kernel(size_t i) { return kernels_[i]; }
  tern_target& target(size_t i) { return targets_[i]; }

  tern_bundle bundle;
  tern_preparation preparation = {};

 private:
  const tern_preparation* preparations_[1] = {&preparation};

  void add(const ir::Problem& problem) {
    const targets::Target generic = targets::load_target("generic").take();
    // One row looks sums up, several multiply.
    const kernels::Recipe recipe{ir::Packing::g2b4, ir::LookupCompute{}};
    const ir::Kernel kernel =
        problem.m == 1 ? make_kernel(recipe, problem, generic) : kernels::default_kernel(problem, generic);
    const std::string& text = texts_.emplace_back(print(kernel));
    tern_kernel entry = {};
    entry.name = "made-up";
    entry.text = text.c_str();
    entry.program_hash = codegen::hash(codegen::lower(kernel));
    entry.function = count_calls;
    for (const ir::Program& program : codegen::preparations(kernel)) {
      preparation.program_hash = codegen::hash(program);
      preparation.function = count_calls;
      entry.preparations = preparations_;
      entry.preparation_count = 1;
    }
    kernels_.push_back(entry);
  }
  // More than any machine has.
  const char* all_features() {
    std::string all;
    for (const targets::FeatureInfo& row : targets::feature_table()) all += std::string(row.name) + " ";
    return texts_.emplace_back(all).c_str();
  }

  std::deque<std::string> texts_;
  std::vector<tern_kernel> kernels_;
  tern_target targets_[2];
};

Expected<BundleKernels> open(const MadeUpBundle& made_up, std::string_view target = {}) {
  return bundle_kernels(made_up.bundle, targets::host_target().take(), target);
}

std::string refusal(const MadeUpBundle& made_up, std::string_view target = {}) {
  const Expected<BundleKernels> kernels = open(made_up, target);
  return kernels ? "accepted" : kernels.error().text();
}

TEST(KernelBundle, TheFirstTargetThatRunsIsTaken) {
  const MadeUpBundle made_up;
  const Expected<BundleKernels> kernels = open(made_up);
  ASSERT_TRUE(kernels) << kernels.error().text();
  EXPECT_EQ(kernels->source.target.name, "humble");
  EXPECT_EQ(kernels->source.target.vector_bits, 128);
  EXPECT_EQ(kernels->buckets, kernels::RowBuckets({1, 7}));
}

TEST(KernelBundle, KernelsAreFoundByTheirProblem) {
  const MadeUpBundle made_up;
  const Expected<BundleKernels> kernels = open(made_up);
  ASSERT_TRUE(kernels) << kernels.error().text();
  for (const ir::Problem& problem : {one_row, seven_rows}) {
    const Expected<ir::Kernel> kernel = kernels->source.choose(problem);
    ASSERT_TRUE(kernel) << kernel.error().text();
    EXPECT_EQ(kernel->problem, problem);
    const Expected<codegen::CompiledKernel> code = kernels->source.provide(*kernel);
    ASSERT_TRUE(code) << code.error().text();
    EXPECT_EQ(code->kernel(), *kernel);
    EXPECT_EQ(code->program(), codegen::lower(*kernel));
    calls = 0;
    const std::vector<ir::Range> ranges = {{2, 5}, {0, 1}};
    (*code)(std::vector<void*>(8), ranges);
    EXPECT_EQ(calls, 3);
  }
}

TEST(KernelBundle, AStepTakesTheKernelWithTheNextNumberOfRows) {
  const MadeUpBundle made_up;
  const Expected<BundleKernels> kernels = open(made_up);
  ASSERT_TRUE(kernels) << kernels.error().text();
  ir::Problem problem = seven_rows;
  for (const int64_t rows : {2, 4, 7}) {
    problem.m = rows;
    const Expected<ir::Kernel> kernel = kernels->source.choose(problem);
    ASSERT_TRUE(kernel) << kernel.error().text();
    EXPECT_EQ(kernel->problem, seven_rows);
  }
  problem.m = 8;
  EXPECT_FALSE(kernels->source.choose(problem));
}

TEST(KernelBundle, KernelsBringTheirPreparations) {
  MadeUpBundle made_up;
  const KernelSource source = open(made_up).take().source;
  const ir::Kernel kernel = source.choose(one_row).take();
  const std::vector<ir::Program> programs = codegen::preparations(kernel);
  ASSERT_EQ(programs.size(), 1u);
  const Expected<codegen::CompiledKernel> code = source.provide_preparation(programs[0]);
  ASSERT_TRUE(code) << code.error().text();
  EXPECT_EQ(code->program(), programs[0]);
  calls = 0;
  const std::vector<ir::Range> ranges = {{0, 1}};
  (*code)(std::vector<void*>(3), ranges);
  EXPECT_EQ(calls, 1);
  ++made_up.preparation.program_hash;
  const Expected<codegen::CompiledKernel> changed = source.provide_preparation(programs[0]);
  ASSERT_FALSE(changed);
  EXPECT_THAT(changed.error().text(), HasSubstr("computed in another way now"));
}

TEST(KernelBundle, WhatIsMissingIsSaid) {
  const MadeUpBundle made_up;
  const Expected<BundleKernels> kernels = open(made_up);
  ASSERT_TRUE(kernels) << kernels.error().text();
  ir::Problem other = one_row;
  other.n = 48;
  const Expected<ir::Kernel> kernel = kernels->source.choose(other);
  ASSERT_FALSE(kernel);
  EXPECT_THAT(kernel.error().text(),
              HasSubstr("no kernel of target humble for m=1 n=48 k=64 with weights of type trit"));
  const ir::Kernel stranger = kernels::default_kernel(other, targets::load_target("generic").take());
  EXPECT_FALSE(kernels->source.provide(stranger));
}

TEST(KernelBundle, TargetsThatDoNotRunHereSayWhy) {
  MadeUpBundle made_up;
  EXPECT_THAT(refusal(made_up, "grand"), HasSubstr("cannot run the kernels of this program:\n  grand needs"));
  EXPECT_THAT(refusal(made_up, "humbler"),
              HasSubstr("no kernels for 'humbler'; it has them for grand, humble"));
  made_up.bundle.target_count = 1;
  EXPECT_THAT(refusal(made_up), HasSubstr("grand needs"));
}

TEST(KernelBundle, BundlesOfOtherVersionsAreRefused) {
  MadeUpBundle made_up;
  made_up.kernel(1).text = "kernel @x { riddle }";
  EXPECT_THAT(refusal(made_up), HasSubstr("made by another version of Tern (a test)"));
  MadeUpBundle form;
  --form.bundle.abi;
  EXPECT_THAT(refusal(form), HasSubstr("form 2 of bundles, not 3"));
  MadeUpBundle features;
  features.target(1).features = "telepathy";
  EXPECT_THAT(refusal(features), HasSubstr("telepathy is a feature unknown here"));
  MadeUpBundle program;
  ++program.kernel(0).program_hash;
  const Expected<BundleKernels> kernels = open(program);
  ASSERT_TRUE(kernels) << kernels.error().text();
  const Expected<codegen::CompiledKernel> code =
      kernels->source.provide(kernels->source.choose(one_row).take());
  ASSERT_FALSE(code);
  EXPECT_THAT(code.error().text(), HasSubstr("computed in another way now"));
}

}  // namespace
}  // namespace tern::runtime

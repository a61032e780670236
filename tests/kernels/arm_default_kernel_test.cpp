// The default kernels of every AArch64 target, executed on every emulated CPU that has the instructions: for
// one token, a few and many, for shapes that fill the blocks and shapes that do not.
#include <gtest/gtest.h>

#include "kernels/default_kernel.h"
#include "targets/legal.h"
#include "tests/support/arm_harness.h"

namespace tern::kernels {
namespace {

using ir::Element;
using ir::Problem;
using ir::Scaling;

std::vector<Problem> problems() {
  std::vector<Problem> result;
  for (const int64_t m : {1, 4, 20}) {
    for (const auto& [n, k] : {std::pair{256, 512}, {70, 1000}, {5, 33}, {130, 1}})
      result.push_back(ir::matmul(m, n, k, {Element::trit, Scaling::tensor}));
    for (const int64_t group : {32, 64, 128})
      result.push_back(ir::matmul(m, 70, 300, {Element::i2, Scaling::group, group, Element::f16}));
    result.back().a = {Element::i8, Scaling::group, 64};
    result.push_back(ir::matmul(m, 70, 96, {Element::i8, Scaling::group, 32}));
    for (const Element element : {Element::f16, Element::bf16, Element::f32})
      result.push_back(ir::matmul(m, 70, 50, {element, Scaling::none}));
  }
  return result;
}

TEST(ArmDefaultKernel, AgreesOnEveryTarget) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  for (const targets::Target& target : testing::arm_targets()) {
    std::mt19937 random(1);
    std::vector<testing::ArmCall> calls;
    for (const Problem& problem : problems()) {
      const ir::Kernel kernel = default_kernel(problem, target);
      for (const std::string& reason : targets::legality_errors(kernel, target))
        ADD_FAILURE() << target.name << ": " << reason << "\n" << print(kernel);
      calls.push_back(testing::kernel_call(kernel, random));
    }
    testing::expect_arm_agrees(target, calls);
  }
}

}  // namespace
}  // namespace tern::kernels

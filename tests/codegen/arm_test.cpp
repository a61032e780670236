// Programs generated for AArch64, executed: random kernels and random programs leave the bits that the
// interpreter leaves, on every emulated CPU that has the instructions. (Each operation: see op_test.cpp.)
#include <gtest/gtest.h>

#include "codegen/lower.h"
#include "ir/verify.h"
#include "tests/support/arm_harness.h"
#include "tests/support/random_kernel.h"
#include "tests/support/random_program.h"

namespace tern::codegen {
namespace {

using testing::ArmCall;
using testing::Random;

TEST(Arm, RandomKernelsAgree) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  for (const targets::Target& target : testing::distinct_arm_targets()) {
    Random random(1);
    std::vector<ArmCall> calls;
    for (int round = 0; round < 60; ++round)
      calls.push_back(testing::kernel_call(testing::random_kernel(random, target), random.engine()));
    testing::expect_arm_agrees(target, calls);
  }
}

TEST(Arm, RandomProgramsAgree) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  for (const targets::Target& target : testing::distinct_arm_targets()) {
    Random random(2);
    std::vector<ArmCall> calls;
    while (calls.size() < 40) {
      ir::Program program = testing::random_program(random, true);
      unroll_loops(program);
      if (!ir::verify(program).empty()) continue;
      calls.push_back(
          testing::interpreted_call(print(program), program, testing::random_buffers(program, random)));
    }
    testing::expect_arm_agrees(target, calls);
  }
}

}  // namespace
}  // namespace tern::codegen

// Programs generated for AArch64, executed: random kernels and random programs leave the bits that the
// interpreter leaves, on every emulated CPU that has the instructions. (Each operation: see op_test.cpp.)
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "tests/support/arm_harness.h"
#include "tests/support/random_kernel.h"
#include "tests/support/random_program.h"

namespace tern::codegen {
namespace {

using testing::ArmCall;
using testing::Contents;
using testing::Random;

TEST(Arm, RandomKernelsAgree) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  for (const targets::Target& target : testing::distinct_arm_targets()) {
    Random random(1);
    std::vector<ArmCall> calls;
    for (int round = 0; round < 25; ++round)
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

// One dot4 after the other onto one register, of the largest products that the bound allows.
ir::Program long_sum(int64_t bound, const std::string& element, int64_t lowest) {
  ir::Program program =
      *ir::parse_program(fmt::format(R"(program @long_sum {{
  input Y: {0}[1600] align 1 values {1}..{2}
  input Z: i8[1600] align 1
  output X: i32[4] align 1
  register x: i32x4
  register y: {0}x16
  register z: i8x16
  x = constant 0
  unroll i in 0..100 {{
    y = load Y[16 * i]
    z = load Z[16 * i]
    x = dot4 x, y, z, {3}
  }}
  store X[0], x
}}
)",
                                     element, lowest, lowest < 0 ? bound - 1 : bound, bound));
  unroll_loops(program);
  for (const Error& error : ir::verify(program)) ADD_FAILURE() << error.text();
  return program;
}

TEST(Arm, SumsThatWaitIn16BitsFit) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<ArmCall> calls;
  const auto add = [&](int64_t bound, const std::string& element, int64_t lowest, int64_t y) {
    const ir::Program program = long_sum(bound, element, lowest);
    for (const int z : {-128, 127}) {
      Contents before;
      before.emplace_back(1600, static_cast<std::byte>(y));
      before.emplace_back(1600, static_cast<std::byte>(z));
      before.emplace_back(16);
      calls.push_back(testing::interpreted_call(print(program), program, before));
    }
  };
  for (const int64_t bound : {1, 2, 3, 15, 63, 64, 127, 128, 255}) add(bound, "u8", 0, bound);
  for (const int64_t bound : {1, 2, 64, 127, 128}) add(bound, "i8", -bound, -bound);
  for (const targets::Target& target : testing::distinct_arm_targets())
    testing::expect_arm_agrees(target, calls);
}

}  // namespace
}  // namespace tern::codegen

// What the instruction for products does on registers alone.
#include "autotune/measure/peak.h"

#include <gtest/gtest.h>

#include "targets/host.h"
#include "tests/support/threads.h"

namespace tern::autotune {
namespace {

TEST(Peak, IsThatOfARealInstruction) {
  const Expected<targets::Target> target = targets::host_target();
  ASSERT_TRUE(target);
  const Expected<codegen::Jit> jit = codegen::Jit::make(*target, std::nullopt);
  ASSERT_TRUE(jit);
  const Expected<double> peak = measure_peak(*jit, testing::one_thread());
  ASSERT_TRUE(peak) << peak.error().text();
  if (peak_programs(*target).empty()) {
    EXPECT_EQ(*peak, 0);
    return;
  }
  // No CPU with such an instruction takes microseconds for its products, and no core does 10 T of them a
  // second.
  EXPECT_GT(*peak, 1e9);
  EXPECT_LT(*peak, 1e13);
}

TEST(Peak, NothingWhereProductsTakeSeveralInstructions) {
  const Expected<targets::Target> plain = targets::find_target("x86-64-v2"),
                                  zen5 = targets::find_target("zen5");
  ASSERT_TRUE(plain && zen5);
  EXPECT_TRUE(peak_programs(*plain).empty());
  ASSERT_EQ(peak_programs(*zen5).size(), 1u);
  // 16 sums of four products, in 12 registers, 10000 times.
  EXPECT_EQ(peak_programs(*zen5)[0].products, 7680000);
}

}  // namespace
}  // namespace tern::autotune

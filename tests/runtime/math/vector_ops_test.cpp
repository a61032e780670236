#include "runtime/math/vector_ops.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "vector_levels.h"

namespace tern::runtime {
namespace {

TEST(VectorOps, ALevelLimitsTheInstructions) {
  const std::string best = vector_ops(VectorLevel::best).floats.instructions;
  std::set<std::string> seen;
  for (const VectorLevel level : vector_levels) {
    if (level != VectorLevel::best) seen.insert(vector_ops(level).floats.instructions);
  }
  EXPECT_TRUE(seen.contains(best));
#if defined(__x86_64__)
  // Whatever the CPU has, the baseline is not the best there is: each level it has shows up once.
  const std::string baseline = vector_ops(VectorLevel::baseline).floats.instructions;
  if (__builtin_cpu_supports("ssse3")) {
    EXPECT_NE(baseline, best);
  }
  if (__builtin_cpu_supports("avx2")) {
    EXPECT_GE(seen.size(), 4u);
  }
#endif
}

TEST(VectorOps, LevelsStandBesideEachOther) {
  const VectorOps baseline = vector_ops(VectorLevel::baseline), best = vector_ops(VectorLevel::best);
  const std::string name = baseline.floats.instructions;
  EXPECT_EQ(name, vector_ops(VectorLevel::baseline).floats.instructions);
  if (name != best.floats.instructions) {
    EXPECT_NE(baseline.floats.silu_gate, best.floats.silu_gate);
    EXPECT_NE(baseline.attention.code, best.attention.code);
  }
}

TEST(VectorOps, ATargetsFeaturesGiveTheLevel) {
  const auto level_of = [](const char* target) {
    return vector_level_of(targets::load_target(target).take());
  };
  EXPECT_EQ(level_of("generic"), VectorLevel::baseline);
  EXPECT_EQ(level_of("x86-64-v2"), VectorLevel::sse4);
  EXPECT_EQ(level_of("x86-64-v3"), VectorLevel::avx2);
  EXPECT_EQ(level_of("zen4"), VectorLevel::avx512);
  EXPECT_EQ(level_of("neoverse-n1"), VectorLevel::best);
}

}  // namespace
}  // namespace tern::runtime

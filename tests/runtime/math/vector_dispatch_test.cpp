#include "runtime/math/vector_dispatch.h"

#include <gtest/gtest.h>

#include <set>

namespace tern::runtime {
namespace {

TEST(VectorDispatch, ALimitIsKeptAndLifted) {
  limit_vector_instructions(VectorLevel::best);
  const std::string best = vector_instructions();
  std::set<std::string> seen;
  for (const VectorLevel level : {VectorLevel::baseline, VectorLevel::ssse3, VectorLevel::sse4,
                                  VectorLevel::avx2, VectorLevel::avx512}) {
    limit_vector_instructions(level);
    seen.insert(vector_instructions());
  }
  EXPECT_TRUE(seen.contains(best));
#if defined(__x86_64__)
  // Whatever the CPU has, the baseline is not the best there is: each level it has shows up once.
  limit_vector_instructions(VectorLevel::baseline);
  const std::string baseline = vector_instructions();
  if (__builtin_cpu_supports("ssse3")) {
    EXPECT_NE(baseline, best);
  }
  if (__builtin_cpu_supports("avx2")) {
    EXPECT_GE(seen.size(), 4u);
  }
#endif
  limit_vector_instructions(VectorLevel::best);
  EXPECT_EQ(vector_instructions(), best);
}

}  // namespace
}  // namespace tern::runtime

#include "runtime/generate/logits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/runtime/math/vector_levels.h"

namespace tern::runtime {
namespace {

TEST(Logits, ArgmaxTakesTheFirstOfEquals) {
  EXPECT_EQ(argmax(std::vector<float>{-3}), 0u);
  EXPECT_EQ(argmax(std::vector<float>{-3, -1, -2, -1}), 1u);
  EXPECT_EQ(argmax(std::vector<float>{-0.0f, 0.0f}), 0u);
}

TEST(Logits, AllFinite) {
  std::vector<float> logits(100, std::numeric_limits<float>::lowest());
  EXPECT_TRUE(all_finite(logits));
  for (const float bad : {INFINITY, -INFINITY, NAN}) {
    logits[63] = bad;
    EXPECT_FALSE(all_finite(logits));
  }
}

TEST(Logits, LogSoftmaxIsRight) {
  const auto logits = random_row(700, 1, 30.0f);
  long double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<long double>(logit));
  double total = 0;
  for (size_t i = 0; i < logits.size(); i += 7) {
    const double expected = static_cast<double>(logits[i] - std::log(sum));
    ASSERT_NEAR(log_softmax(logits, i), expected, 1e-13);
  }
  for (size_t i = 0; i < logits.size(); ++i) total += std::exp(log_softmax(logits, i));
  EXPECT_NEAR(total, 1.0, 1e-12);
}

TEST(Logits, LogSoftmaxOfExtremes) {
  const std::vector<float> logits = {3e38f, -3e38f};
  EXPECT_EQ(log_softmax(logits, 0), 0.0);
  EXPECT_LT(log_softmax(logits, 1), -5e38);
}

}  // namespace
}  // namespace tern::runtime

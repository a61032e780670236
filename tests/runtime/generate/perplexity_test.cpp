#include "runtime/generate/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/generate/evaluate.h"
#include "small_engine.h"

namespace tern::runtime {
namespace {

TEST(RunningMean, IsTheMeanAndItsStandardError) {
  RunningMean mean;
  EXPECT_TRUE(std::isnan(mean.standard_error()));
  for (const double x : {1e9 + 1, 1e9 + 2, 1e9 + 4, 1e9 + 5}) mean.add(x);
  EXPECT_DOUBLE_EQ(mean.mean, 1e9 + 3);
  // Deviations -2, -1, 1, 2: variance 10 / 3, of the mean of four 10 / 12.
  EXPECT_NEAR(mean.standard_error(), std::sqrt(10.0 / 12),
              1e-6);  // sums of squares, of 1e18, would know nothing of it
}

class PerplexityOf : public testing::TestWithParam<WindowMethod> {};

// Each window by log_probabilities, in a sequence of its own.
TEST_P(PerplexityOf, IsTheSumOverItsWindows) {
  const auto engine = small_engine();
  const std::string text = "it was the best of times, it was the worst of times, it was the age of wisdom";
  for (const size_t context : {5, 24, 33}) {
    const auto cut = cut_text(engine->tokenizer(), text, {GetParam(), context, 0, 0});
    ASSERT_TRUE(cut) << cut.error().text();
    std::vector<double> nats;
    for (size_t i = 0; i < cut->windows.size(); ++i) {
      const WindowTokens window = window_tokens(*cut, i);
      EXPECT_LE(window.tokens.size(), context);
      Sequence sequence = engine->make_sequence(context).take();
      const auto scores = log_probabilities(*engine, sequence, window.tokens, 3);
      ASSERT_TRUE(scores) << scores.error().text();
      for (size_t token = window.first_scored; token < window.tokens.size(); ++token)
        nats.push_back(-(*scores)[token - 1]);
    }
    double sum = 0, squares = 0;
    for (const double x : nats) sum += x;
    const double n = static_cast<double>(nats.size()), mean = sum / n;
    for (const double x : nats) squares += (x - mean) * (x - mean);
    const auto result = perplexity(*engine, *cut);
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_TRUE(result->complete);
    EXPECT_EQ(result->windows, cut->windows.size());
    EXPECT_EQ(result->nats.count, nats.size());
    EXPECT_NEAR(result->nats.mean, mean, 1e-12 * mean);
    EXPECT_NEAR(result->perplexity(), std::exp(mean), 1e-10 * std::exp(mean));
    EXPECT_NEAR(result->error(), std::exp(mean) * std::sqrt(squares / (n - 1) / n), 1e-9 * std::exp(mean));
    EXPECT_NEAR(result->bits(), sum / std::log(2.0), 1e-10 * sum);
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, PerplexityOf,
                         testing::Values(WindowMethod::runs, WindowMethod::halves, WindowMethod::strided,
                                         WindowMethod::sliding));

TEST(Perplexity, EndsWithTheFiguresSoFar) {
  const auto engine = small_engine();
  const auto cut = cut_text(engine->tokenizer(), "it was the best of times, it was the worst",
                            {WindowMethod::runs, 8, 0, 0});
  ASSERT_TRUE(cut);
  const auto two = perplexity(*engine, *cut, [](const Perplexity& so_far) { return so_far.windows < 2; });
  ASSERT_TRUE(two);
  EXPECT_FALSE(two->complete);
  EXPECT_GT(two->nats.count, 0u);
  EXPECT_LE(two->nats.count, 14u);
  const auto last = perplexity(
      *engine, *cut, [&](const Perplexity& so_far) { return so_far.windows < cut->windows.size(); });
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->complete);  // there was nothing left to end
}

TEST(Perplexity, AnEndBeforeTheFirstTokenIsAnInterruption) {
  const auto engine = small_engine();
  const auto cut = cut_text(engine->tokenizer(), "it was the best of times, it was the worst",
                            {WindowMethod::halves, 16, 0, 0});
  ASSERT_TRUE(cut);
  const auto result = perplexity(*engine, *cut, [](const Perplexity&) { return false; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::interrupted);
}

TEST(StepPace, GrowsWhileStepsAreShort) {
  const auto engine = small_engine();
  StepPace pace({engine.get()});
  EXPECT_EQ(pace.rows(), 16u);  // a small model: all that a step can take
  pace.ran(16, 0.6);
  EXPECT_EQ(pace.rows(), 8u);
  pace.ran(3, 0.9);  // the end of a text says nothing
  EXPECT_EQ(pace.rows(), 8u);
  pace.ran(8, 0.2);
  EXPECT_EQ(pace.rows(), 8u);
  pace.ran(8, 0.1);
  EXPECT_EQ(pace.rows(), 16u);
  pace.ran(16, 0.1);
  EXPECT_EQ(pace.rows(), 16u);
  for (int i = 0; i < 9; ++i) pace.ran(16, 9);
  EXPECT_EQ(pace.rows(), 1u);
}

}  // namespace
}  // namespace tern::runtime

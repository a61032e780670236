#include "runtime/generate/divergence.h"

#include <gmock/gmock.h>

#include <cmath>

#include "runtime/generate/logits.h"
#include "small_engine.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

TEST(KlDivergence, ByHand) {
  // Probabilities 1/2, 1/4, 1/4 and 1/4, 1/4, 1/2: 1/2 ln 2 + 1/4 ln 1 + 1/4 ln 1/2 = 1/4 ln 2.
  const float half = std::log(0.5f), quarter = std::log(0.25f);
  const std::vector<float> a = {half, quarter, quarter}, b = {quarter + 7, quarter + 7, half + 7};
  EXPECT_NEAR(kl_divergence(a, b), 0.25 * std::log(2.0), 1e-6);
  EXPECT_EQ(kl_divergence(a, a), 0);
  // Logits far apart are no trouble: exp(-200) is 0 beside 1.
  const std::vector<float> c = {100, -100}, d = {-100, 100};
  EXPECT_NEAR(kl_divergence(c, d), 200, 1e-9);
}

TEST(Divergence, QuantilesAreInterpolated) {
  Divergence result;
  result.kl = {4, 1, 3, 2};
  EXPECT_EQ(result.quantile(0), 1);
  EXPECT_EQ(result.quantile(0.5), 2.5);
  EXPECT_EQ(result.quantile(1), 4);
  EXPECT_DOUBLE_EQ(result.quantile(0.99), 3.97);
}

const std::string text = "it was the best of times, it was the worst of times, it was the age of wisdom";

// The same definition in plain doubles, from the logits of each token alone.
TEST(Divergence, IsThatOfTheLogits) {
  const auto a = small_engine(1), b = small_engine(2);
  const auto cut = cut_text(a->tokenizer(), text, {WindowMethod::halves, 20, 0, 0});
  ASSERT_TRUE(cut) << cut.error().text();
  const auto result = divergence(*a, *b, *cut);
  ASSERT_TRUE(result) << result.error().text();
  std::vector<double> kl;
  double squares = 0, nats_a = 0, nats_b = 0;
  size_t same_top = 0;
  for (size_t i = 0; i < cut->windows.size(); ++i) {
    const WindowTokens window = window_tokens(*cut, i);
    Sequence of_a = a->make_sequence(20).take(), of_b = b->make_sequence(20).take();
    for (size_t at = 0; at + 1 < window.tokens.size(); ++at) {
      const auto logits_a = a->append(of_a, std::span(window.tokens).subspan(at, 1));
      const auto logits_b = b->append(of_b, std::span(window.tokens).subspan(at, 1));
      ASSERT_TRUE(logits_a && logits_b);
      if (at + 1 < window.first_scored) continue;
      const std::span<const float> row_a = (*logits_a)[0], row_b = (*logits_b)[0];
      double sum_a = 0, sum_b = 0;
      for (size_t t = 0; t < row_a.size(); ++t) {
        sum_a += std::exp(static_cast<double>(row_a[t]));
        sum_b += std::exp(static_cast<double>(row_b[t]));
      }
      double divergence = 0;
      for (size_t t = 0; t < row_a.size(); ++t) {
        const double p = std::exp(static_cast<double>(row_a[t])) / sum_a;
        const double q = std::exp(static_cast<double>(row_b[t])) / sum_b;
        divergence += p * std::log(p / q);
        if (t != window.tokens[at + 1]) continue;
        squares += std::log(p / q) * std::log(p / q);
        nats_a -= std::log(p);
        nats_b -= std::log(q);
      }
      kl.push_back(divergence);
      same_top += argmax(row_a) == argmax(row_b);
    }
  }
  ASSERT_EQ(result->kl.size(), kl.size());
  double sum = 0;
  for (size_t i = 0; i < kl.size(); ++i) {
    EXPECT_NEAR(result->kl[i], kl[i], 1e-12);
    EXPECT_GT(kl[i], 1e-6);
    sum += kl[i];
  }
  const auto n = static_cast<double>(kl.size());
  EXPECT_NEAR(result->mean.mean, sum / n, 1e-12);
  EXPECT_NEAR(result->squared_change.mean, squares / n, 1e-12);
  EXPECT_NEAR(result->nats_a.mean, nats_a / n, 1e-12);
  EXPECT_NEAR(result->nats_b.mean, nats_b / n, 1e-12);
  EXPECT_EQ(result->same_top, same_top);
  EXPECT_TRUE(result->complete);
}

TEST(Divergence, OfAModelWithItselfIsZero) {
  // Steps of other lengths change no bit.
  const auto a = small_engine(3), b = small_engine(3, CacheElement::f16, 8);
  for (const WindowMethod method : {WindowMethod::runs, WindowMethod::sliding}) {
    const auto cut = cut_text(a->tokenizer(), text, {method, 20, 0, 0});
    ASSERT_TRUE(cut);
    const auto result = divergence(*a, *b, *cut);
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->quantile(1), 0);
    EXPECT_EQ(result->mean.mean, 0);
    EXPECT_EQ(result->squared_change.mean, 0);
    EXPECT_EQ(result->same_top, result->kl.size());
  }
}

TEST(Divergence, OfTwoSettingsIsSmallButThere) {
  const auto a = small_engine(3, CacheElement::f16), b = small_engine(3, CacheElement::f32);
  const auto cut = cut_text(a->tokenizer(), text, {WindowMethod::runs, 40, 0, 0});
  ASSERT_TRUE(cut);
  const auto result = divergence(*a, *b, *cut);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_GT(result->quantile(1), 0);
  EXPECT_LT(result->quantile(1), 0.01);
}

TEST(Divergence, NeedsOneVocabularyAndGoesOnWhileAsked) {
  const auto a = small_engine(1), b = small_engine(1, CacheElement::f16, 16, 32, 301);
  const auto cut = cut_text(a->tokenizer(), text, {WindowMethod::runs, 8, 0, 0});
  ASSERT_TRUE(cut);
  const auto refused = divergence(*a, *b, *cut);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("300 tokens, the other 301"));
  const auto ended = divergence(*a, *a, *cut, [](const Divergence& so_far) { return so_far.windows < 2; });
  ASSERT_TRUE(ended);
  EXPECT_FALSE(ended->complete);
  EXPECT_LE(ended->kl.size(), 14u);
}

}  // namespace
}  // namespace tern::runtime

#include "serve/answer/token_chooser.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tern::serve {
namespace {

ChoiceOptions greedy() {
  ChoiceOptions options;
  options.sampling.temperature = 0;
  return options;
}

std::vector<uint32_t> choose(const ChoiceOptions& options, std::span<const float> logits, size_t count) {
  TokenChooser chooser = TokenChooser::make(options, std::vector<uint32_t>{0}, logits.size()).take();
  std::vector<uint32_t> tokens;
  for (size_t i = 0; i < count; ++i) tokens.push_back(chooser.choose(logits)->token);
  return tokens;
}

const std::vector<float> logits = {1, 4, 3, 3.5f};

TEST(TokenChooser, BiasChangesLogits) {
  ChoiceOptions options = greedy();
  EXPECT_EQ(choose(options, logits, 1), (std::vector<uint32_t>{1}));
  options.bias = {{1, -100}};
  EXPECT_EQ(choose(options, logits, 1), (std::vector<uint32_t>{3}));
  options.bias = {{0, 3.5f}};
  EXPECT_EQ(choose(options, logits, 1), (std::vector<uint32_t>{0}));
}

TEST(TokenChooser, PenaltiesCountGeneratedTokens) {
  ChoiceOptions options = greedy();
  options.presence_penalty = 0.75f;  // 4, then 3.25 for token 1: below 3.5; 3.5 - 0.75 = 2.75: below 3.25
  EXPECT_EQ(choose(options, logits, 5), (std::vector<uint32_t>{1, 3, 1, 1, 1}));
  options = greedy();
  options.frequency_penalty = 1;  // 4 3.5 3 | 3 3.5 3 | 3 2.5 3 | 2 2.5 3 | 2 2.5 2
  EXPECT_EQ(choose(options, logits, 5), (std::vector<uint32_t>{1, 3, 1, 2, 3}));
}

TEST(TokenChooser, ProbabilitiesAreTheModelsOwn) {
  ChoiceOptions options = greedy();
  options.logprobs = true;
  options.top_logprobs = 3;
  options.bias = {{0, 50}};
  TokenChooser chooser = TokenChooser::make(options, std::vector<uint32_t>{0}, 4).take();
  const ChosenToken chosen = chooser.choose(logits).take();
  EXPECT_EQ(chosen.token, 0u);
  const double sum = std::exp(1.0) + std::exp(4.0) + std::exp(3.0) + std::exp(3.5);
  EXPECT_NEAR(chosen.logprob, 1 - std::log(sum), 1e-12);
  ASSERT_EQ(chosen.top.size(), 3u);
  EXPECT_EQ(chosen.top[0].token, 1u);
  EXPECT_NEAR(chosen.top[0].logprob, 4 - std::log(sum), 1e-12);
  EXPECT_EQ(chosen.top[1].token, 3u);
  EXPECT_EQ(chosen.top[2].token, 2u);
}

TEST(TokenChooser, SeedsDecide) {
  ChoiceOptions options;
  options.sampling.temperature = 2;
  options.sampling.min_p = 0;
  options.sampling.seed = 7;
  const std::vector<uint32_t> once = choose(options, logits, 50);
  EXPECT_EQ(choose(options, logits, 50), once);
  options.sampling.seed = 8;
  EXPECT_NE(choose(options, logits, 50), once);
}

TEST(TokenChooser, RefusesWhatIsOutOfRange) {
  const auto refused = [](const ChoiceOptions& options) {
    return !TokenChooser::make(options, std::vector<uint32_t>{0}, 4);
  };
  ChoiceOptions options = greedy();
  EXPECT_FALSE(refused(options));
  options.presence_penalty = 2.5f;
  EXPECT_TRUE(refused(options));
  options = greedy();
  options.frequency_penalty = std::nanf("");
  EXPECT_TRUE(refused(options));
  options = greedy();
  options.bias = {{4, 1}};
  EXPECT_TRUE(refused(options));
  options.bias = {{3, 101}};
  EXPECT_TRUE(refused(options));
  options = greedy();
  options.sampling.temperature = -1;
  EXPECT_TRUE(refused(options));
}

}  // namespace
}  // namespace tern::serve

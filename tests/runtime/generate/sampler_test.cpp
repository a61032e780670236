#include "runtime/generate/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/runtime/math/vector_levels.h"

namespace tern::runtime {
namespace {

// Every filter off, so that a test switches on what it is about.
constexpr SamplerOptions plain{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .repetition_penalty = 1};

Sampler sampler(const SamplerOptions& options) {
  auto made = Sampler::make(options);
  EXPECT_TRUE(made);
  return made.take();
}

// How often each token came up.
std::map<uint32_t, int> draws(const SamplerOptions& options, const std::vector<float>& logits, int count,
                              const std::vector<uint32_t>& recent = {}) {
  Sampler source = sampler(options);
  std::map<uint32_t, int> counts;
  for (int i = 0; i < count; ++i) {
    const auto token = source.sample(logits, recent);
    EXPECT_TRUE(token);
    ++counts[*token];
  }
  return counts;
}

std::vector<uint32_t> tokens(const std::map<uint32_t, int>& counts) {
  std::vector<uint32_t> all;
  for (const auto& [token, count] : counts) all.push_back(token);
  return all;
}

std::vector<float> logs(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

TEST(RandomNumbers, AreTheKnownSequence) {
  RandomNumbers numbers(1234567);  // as published for SplitMix64
  for (const uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                  4593380528125082431u, 16408922859458223821u}) {
    EXPECT_EQ(numbers.next(), expected);
  }
  for (int i = 0; i < 1000; ++i) {
    const double u = numbers.uniform();
    EXPECT_TRUE(u >= 0 && u < 1);
  }
}

TEST(Sampler, TemperatureZeroTakesTheLargest) {
  SamplerOptions options = plain;
  options.temperature = 0;
  EXPECT_EQ(tokens(draws(options, {1, 4, 2, 4}, 20)), (std::vector<uint32_t>{1}));
}

TEST(Sampler, DrawsInProportion) {
  const std::vector<double> probabilities = {0.1, 0.2, 0.05, 0.65};
  constexpr int count = 40000;
  const auto counts = draws(plain, logs(probabilities), count);
  for (uint32_t i = 0; i < 4; ++i)
    EXPECT_NEAR(counts.at(i), probabilities[i] * count, 4 * std::sqrt(count * 0.25));
  // At temperature 1/2 probabilities are squared.
  SamplerOptions options = plain;
  options.temperature = 0.5f;
  const double square_sum = 0.01 + 0.04 + 0.0025 + 0.4225;
  const auto sharper = draws(options, logs(probabilities), count);
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(sharper.at(i), probabilities[i] * probabilities[i] / square_sum * count,
                4 * std::sqrt(count * 0.25));
  }
}

TEST(Sampler, TopKKeepsTheBestAndTheEarlierOfEquals) {
  SamplerOptions options = plain;
  options.top_k = 3;
  EXPECT_EQ(tokens(draws(options, {2, 1, 3, 2, 2, -5}, 500)), (std::vector<uint32_t>{0, 2, 3}));
  options.top_k = 100;
  EXPECT_EQ(draws(options, {2, 1, 3}, 500).size(), 3u);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  const auto logits = logs({0.1, 0.5, 0.05, 0.35});
  SamplerOptions options = plain;
  options.top_p = 0.8f;
  EXPECT_EQ(tokens(draws(options, logits, 500)), (std::vector<uint32_t>{1, 3}));
  options.top_p = 0.86f;
  EXPECT_EQ(tokens(draws(options, logits, 500)), (std::vector<uint32_t>{0, 1, 3}));
  options.top_p = 1e-6f;
  EXPECT_EQ(tokens(draws(options, logits, 50)), (std::vector<uint32_t>{1}));
  // After top-k, probabilities are those of what is left: 0.5 / 0.85 and 0.35 / 0.85.
  options.top_k = 2;
  options.top_p = 0.58f;
  EXPECT_EQ(tokens(draws(options, logits, 500)), (std::vector<uint32_t>{1}));
}

TEST(Sampler, MinPComparesWithTheMostProbable) {
  SamplerOptions options = plain;
  options.min_p = 0.15f;
  EXPECT_EQ(tokens(draws(options, logs({0.1, 0.5, 0.05, 0.35}), 500)), (std::vector<uint32_t>{0, 1, 3}));
  options.min_p = 1.0f;
  EXPECT_EQ(tokens(draws(options, {0, 7, 7, 6}, 200)), (std::vector<uint32_t>{1, 2}));
}

TEST(Sampler, RepetitionPenaltyLowersBothSigns) {
  SamplerOptions options = plain;
  options.temperature = 0;
  options.repetition_penalty = 2.0f;
  options.repetition_window = 3;
  Sampler greedy = sampler(options);
  const std::vector<float> positive = {3, 4, 2.5f}, negative = {-3, -2, -2.5f};
  EXPECT_EQ(*greedy.sample(positive, std::vector<uint32_t>{1}), 0u);
  EXPECT_EQ(*greedy.sample(positive, std::vector<uint32_t>{0, 1, 1, 1}), 0u);  // once, however often
  EXPECT_EQ(*greedy.sample(positive, std::vector<uint32_t>{1, 2, 2, 2}), 1u);  // out of the window
  EXPECT_EQ(*greedy.sample(positive, {}), 1u);
  EXPECT_EQ(*greedy.sample(negative, std::vector<uint32_t>{1}), 2u);
  EXPECT_EQ(*greedy.sample(positive, std::vector<uint32_t>{1, 999}), 0u);  // no such token
  options.repetition_window = 0;
  EXPECT_EQ(*sampler(options).sample(positive, std::vector<uint32_t>{1}), 1u);
}

TEST(Sampler, RanksTheSameByTopKAndByTopP) {
  // A top-k of all but one ranks them by another way than no top-k at all; top-p then leaves the same.
  const auto logits = random_row(3000, 1, 6.0f);
  SamplerOptions options = plain;
  options.top_p = 0.5f;
  Sampler without = sampler(options);
  options.top_k = 2999;
  Sampler with = sampler(options);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(*with.sample(logits, {}), *without.sample(logits, {}));
}

TEST(Sampler, SeedDecides) {
  const auto logits = random_row(500, 2, 3.0f);
  const auto text = [&](uint64_t seed) {
    SamplerOptions options;
    options.seed = seed;
    Sampler source = sampler(options);
    std::vector<uint32_t> all;
    for (int i = 0; i < 50; ++i) all.push_back(*source.sample(logits, all));
    return all;
  };
  EXPECT_EQ(text(7), text(7));
  EXPECT_NE(text(7), text(8));
}

TEST(Sampler, SurvivesExtremeOptionsAndLogits) {
  const std::vector<float> logits = {3e38f, -3e38f, 0.0f, 3e38f};
  for (const float temperature : {1e-45f, 3e38f}) {
    for (const float penalty : {1e-45f, 3e38f}) {
      SamplerOptions options = plain;
      options.temperature = temperature;
      options.repetition_penalty = penalty;
      Sampler source = sampler(options);
      for (int i = 0; i < 100; ++i) {
        const auto token = source.sample(logits, std::vector<uint32_t>{0, 1});
        ASSERT_TRUE(token);
        ASSERT_LT(*token, 4u);
      }
    }
  }
}

TEST(Sampler, RefusesLogitsThatAreNotFinite) {
  for (const float temperature : {0.0f, 1.0f}) {
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      SamplerOptions options = plain;
      options.temperature = temperature;
      const auto token = sampler(options).sample(std::vector<float>{1, bad, 2}, {});
      ASSERT_FALSE(token);
      EXPECT_NE(token.error().message.find("finite"), std::string::npos);
    }
  }
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  const auto message = [](auto&& change) {
    SamplerOptions options;
    change(options);
    const auto made = Sampler::make(options);
    return made ? std::string() : made.error().message;
  };
  for (const float bad : {-0.1f, NAN, INFINITY}) {
    EXPECT_NE(message([&](SamplerOptions& o) { o.temperature = bad; }).find("temperature must be"),
              std::string::npos);
    EXPECT_NE(message([&](SamplerOptions& o) { o.top_p = bad; }).find("top-p must be"), std::string::npos);
    EXPECT_NE(message([&](SamplerOptions& o) { o.min_p = bad; }).find("min-p must be"), std::string::npos);
    EXPECT_NE(
        message([&](SamplerOptions& o) { o.repetition_penalty = bad; }).find("repetition penalty must be"),
        std::string::npos);
  }
  EXPECT_EQ(message([](SamplerOptions& o) { o.top_p = 0; }), "top-p must be above 0 and at most 1, not 0");
  EXPECT_EQ(message([](SamplerOptions& o) { o.repetition_penalty = 0; }),
            "repetition penalty must be above 0, not 0");
}

}  // namespace
}  // namespace tern::runtime

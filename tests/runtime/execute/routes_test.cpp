// Which experts are chosen, and where their rows lie.
#include "runtime/execute/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "tests/runtime/math/vector_levels.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;

struct Choice {
  std::vector<uint32_t> experts;
  std::vector<float> weights;
};

Choice choose(const std::vector<float>& logits, int64_t used,
              const FloatOps& ops = float_ops(VectorLevel::best)) {
  Choice choice{std::vector<uint32_t>(static_cast<size_t>(used)),
                std::vector<float>(static_cast<size_t>(used))};
  std::vector<float> scratch(logits.size());
  choose_experts(ops, logits.data(), static_cast<int64_t>(logits.size()), used, choice.experts.data(),
                 choice.weights.data(), scratch.data());
  return choice;
}

// The softmax over all experts, its largest, divided by their sum.
TEST(Routes, ExpertsAreTheLargestWithTheirShareOfTheSoftmax) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal(0, 2);
  for (const size_t count : {1, 2, 7, 16, 128, 256}) {
    for (int64_t used = 1; used <= std::min<int64_t>(static_cast<int64_t>(count), 9); ++used) {
      std::vector<float> logits(count);
      for (float& logit : logits) logit = normal(generator);
      double total = 0;
      for (const float logit : logits) total += std::exp(static_cast<double>(logit));
      std::vector<uint32_t> order(count);
      std::iota(order.begin(), order.end(), 0u);
      std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
      order.resize(static_cast<size_t>(used));
      std::ranges::sort(order);
      double chosen = 0;
      for (const uint32_t expert : order) chosen += std::exp(static_cast<double>(logits[expert])) / total;
      const Choice found = choose(logits, used);
      EXPECT_EQ(found.experts, order);
      for (size_t i = 0; i < order.size(); ++i)
        EXPECT_NEAR(found.weights[i], std::exp(static_cast<double>(logits[order[i]])) / total / chosen, 1e-6);
      for_every_vector_level(
          [&](const VectorOps& ops) { EXPECT_EQ(choose(logits, used, ops.floats).weights, found.weights); });
    }
  }
}

TEST(Routes, OfEqualExpertsTheFirstIsChosen) {
  const Choice found = choose({1, 5, 2, 5, 5, 0}, 2);
  EXPECT_THAT(found.experts, ElementsAre(1, 3));
  EXPECT_THAT(found.weights, ElementsAre(0.5f, 0.5f));
}

TEST(Routes, WhatIsNoNumberMakesAllWeightsNaN) {
  const Choice found = choose({1, NAN, 2}, 2);
  EXPECT_TRUE(std::isnan(found.weights[0]) && std::isnan(found.weights[1]));
  EXPECT_NE(found.experts[0], found.experts[1]);
}

TEST(Routes, RowsOfAnExpertLieTogether) {
  Routes routes{.used = 2, .experts = {1, 3, 0, 3, 1, 3}};
  place_rows(3, 4, std::vector<int64_t>{0, 1, 4, 4}, routes);
  ASSERT_EQ(routes.runs.size(), 3u);
  EXPECT_THAT(routes.rows, ElementsAre(1, 5, 0, 6, 2, 7));
  EXPECT_EQ(routes.runs[1].matrix, 1u);
  EXPECT_EQ(routes.runs[1].output_row, 1);
  EXPECT_EQ(routes.runs[1].rows, 2);
  EXPECT_EQ(routes.runs[2].input_row, 5);
  EXPECT_EQ(routes.shared_runs[2].input_row, 0);
  EXPECT_EQ(routes.shared_runs[2].output_row, 5);
}

}  // namespace
}  // namespace tern::runtime

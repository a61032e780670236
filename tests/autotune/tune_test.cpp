#include "autotune/search/tune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "autotune/offline/predict.h"
#include "autotune/search/model_quality.h"
#include "kernels/default_kernel.h"
#include "targets/host.h"
#include "targets/legal.h"
#include "tests/support/threads.h"

namespace tern::autotune {
namespace {

ir::Problem trits(int64_t m, int64_t n, int64_t k) {
  return ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
}

// A tuning of a small shape, with a database in memory.
struct Session {
  targets::Target target = targets::host_target().take();
  Database database;
  std::vector<TuneTask> tasks = {{trits(1, 96, 256), {{1, 100}, {4, 1}}, 1, 1}};
  TuneOptions options;
  size_t stores = 0, max_stores = 1 << 20;
  ThreadPool* pool = &testing::one_thread();

  Session() {
    database.provenance = provenance_of(*targets::detect_host());
    options.budget_seconds = 60;  // it ends before, when nothing gets better
  }
  Expected<TuneResult> run() {
    const Database known = database;
    return tune(tasks, options, {target, *pool, {static_cast<int>(pool->threads()), 2e10, 3e9}}, known,
                {[](const TuneProgress&) {}, [this] { return stores >= max_stores; },
                 [this](const Database& found) {
                   ++stores;
                   merge(database, found);
                   return Status();
                 }});
  }
};

TEST(Tune, ChoosesLegalKernelsOfOneLayoutForAllRows) {
  Session session;
  session.pool = &testing::two_threads();
  const Expected<TuneResult> result = session.run();
  ASSERT_TRUE(result) << result.error().text();
  ASSERT_EQ(session.database.choices.size(), 1u);
  const Choice& choice = session.database.choices[0];
  ASSERT_EQ(choice.kernels.size(), 2u);
  EXPECT_EQ(choice.conditions, (Conditions{"host", 2}));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(choice.kernels[i].problem, trits(i == 0 ? 1 : 4, 96, 256));
    EXPECT_EQ(choice.kernels[i].weights, choice.kernels[0].weights);
    EXPECT_TRUE(targets::legality_errors(choice.kernels[i], session.target).empty());
    EXPECT_GT(choice.seconds[i], 0);
    EXPECT_TRUE(find_kernel(session.database, choice.kernels[i].problem, session.target));
  }
  // Everything measured is kept, the default kernel among it.
  const auto is_default = [&](const Record& record) {
    return hash(record.kernel) == hash(kernels::default_kernel(record.kernel.problem, session.target));
  };
  EXPECT_EQ(std::ranges::count_if(session.database.records, is_default), 2);
  EXPECT_GT(session.database.records.size(), 10u);
  for (const Record& record : session.database.records) {
    EXPECT_TRUE(!record.refused.empty() || !record.timings.empty()) << record.recipe;
  }
  const std::vector<ModelQuality> quality = model_quality({result->shapes[0].search.get()});
  EXPECT_EQ(quality[0].kernels, "all");
  EXPECT_GT(quality[0].count, 10u);
}

TEST(Tune, ASampleIsMeasuredAndChoosesNothing) {
  Session session;
  session.options.sample = 25;
  session.options.budget_seconds = 0.01;  // that is for searches
  const Expected<TuneResult> result = session.run();
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_TRUE(session.database.choices.empty());
  const ShapeSearch& search = *result->shapes[0].search;
  std::set<std::string> strategies;
  for (const Bucket& bucket : search.buckets()) {
    ASSERT_GE(bucket.evaluations.size(), 25u);  // and the default kernel, if it was not drawn
    ASSERT_LE(bucket.evaluations.size(), 26u);
    for (const Evaluation& evaluation : bucket.evaluations) {
      EXPECT_NE(evaluation.measured(), !evaluation.refused.empty()) << print(evaluation.candidate);
      strategies.emplace(ir::name(evaluation.candidate.recipe.strategy()));
    }
  }
  EXPECT_GT(strategies.size(), 1u);
  EXPECT_EQ(session.database.records.size(), result->shapes[0].seen);
  std::vector<std::string> rows;
  for (const ModelQuality& row : model_quality({&search})) rows.push_back(row.kernels);
  EXPECT_THAT(rows, ::testing::IsSupersetOf({"all", "1 row", "4 rows"}));

  // The same seed draws the same.
  std::set<uint64_t> first, second;
  for (const Record& record : session.database.records) first.insert(hash(record.kernel));
  Session again;
  again.options = session.options;
  ASSERT_TRUE(again.run());
  for (const Record& record : again.database.records) second.insert(hash(record.kernel));
  EXPECT_EQ(first, second);
}

TEST(Tune, AWholeSpaceIsMeasured) {
  Session session;
  session.tasks = {{trits(1, 8, 16), {{1, 1}}, 1, 1}};
  session.options.exhaustive = true;
  const Expected<TuneResult> result = session.run();
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_TRUE(result->shapes[0].choice.complete);
  std::set<uint64_t> tried;
  for (const Evaluation& evaluation : result->shapes[0].search->buckets()[0].evaluations) {
    EXPECT_TRUE(tried.insert(hash(evaluation.candidate.kernel)).second) << print(evaluation.candidate);
    EXPECT_NE(evaluation.measured(), !evaluation.refused.empty()) << print(evaluation.candidate);
  }
  // All of it but for other distances of prefetching, which are for what is near the best: how many of those
  // are tried, the machine decides.
  size_t certain = 0;
  for (const kernels::Candidate& candidate :
       kernels::make_space(trits(1, 8, 16), session.target).candidates) {
    const kernels::Knobs defaults =
        kernels::default_knobs(candidate.recipe, candidate.kernel.problem, session.target);
    if (candidate.knobs.prefetch_bytes != defaults.prefetch_bytes) continue;
    ++certain;
    EXPECT_TRUE(tried.contains(hash(candidate.kernel))) << print(candidate);
  }
  EXPECT_GT(certain, kernels::default_space(trits(1, 8, 16), session.target).candidates.size());
  EXPECT_GE(tried.size(), certain);
  EXPECT_EQ(session.database.records.size(), tried.size());
}

TEST(Tune, WhatIsKnownIsNotTunedAgainUnlessAskedFor) {
  Session session;
  session.tasks[0].demands = {{1, 1}};
  ASSERT_TRUE(session.run());
  ASSERT_TRUE(session.database.choices[0].complete);
  session.stores = 0;
  Expected<TuneResult> again = session.run();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->shapes[0].known());
  EXPECT_EQ(again->shapes[0].choice, session.database.choices[0]);
  EXPECT_EQ(session.stores, 0u);
  session.options.again = true;
  session.options.budget_seconds = 0.1;
  again = session.run();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->shapes[0].known());
  // Other numbers of rows are another question.
  session.options.again = false;
  session.tasks[0].demands = {{1, 1}, {7, 1}};
  EXPECT_FALSE(session.run()->shapes[0].known());
}

TEST(Tune, AnInterruptedSearchGoesOnWhereItWas) {
  Session session;
  session.max_stores = 2;
  const Expected<TuneResult> first = session.run();
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->interrupted);
  const size_t before = session.database.records.size();
  EXPECT_GT(before, 0u);
  for (const Choice& choice : session.database.choices) EXPECT_FALSE(choice.complete);
  // What was clearly slower is not measured again.
  std::set<uint64_t> slow;
  double best = 1e9;
  for (const Record& record : session.database.records)
    if (record.kernel.problem.m == 1 && !record.timings.empty())
      best = std::min(best, record.timings.back().ratio);
  for (const Record& record : session.database.records) {
    if (record.kernel.problem.m == 1 && !record.timings.empty() && record.timings.back().ratio > 3 * best)
      slow.insert(hash(record.kernel));
  }
  session.max_stores = 1 << 20;
  const Expected<TuneResult> second = session.run();
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->interrupted);
  EXPECT_GE(session.database.records.size(), before);
  for (const Evaluation& evaluation : second->shapes[0].search->buckets()[0].evaluations) {
    const uint64_t key = hash(evaluation.candidate.kernel);
    const bool is_default = key == hash(second->shapes[0].search->buckets()[0].default_candidate.kernel);
    EXPECT_TRUE(is_default || !slow.contains(key)) << print(evaluation.candidate);
  }
}

TEST(Tune, StopsIfItCannotKeepWhatItFinds) {
  Session session;
  const Expected<TuneResult> result =
      tune(session.tasks, session.options, {session.target, testing::one_thread(), {1, 2e10, 3e9}},
           session.database,
           {[](const TuneProgress&) {}, [] { return false; },
            [](const Database&) -> Status {
              return Error{"disk full", {}};
            }});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "disk full");
}

// Hints of another CPU are tried, and measured like all candidates.
TEST(Tune, TriesHints) {
  Session session;
  const kernels::Recipe recipe{ir::Packing::b2};
  kernels::Knobs knobs = kernels::default_knobs(recipe, trits(1, 96, 256), session.target);
  knobs.prefetch_bytes = 777;
  Record hint;
  hint.kernel = kernels::make_kernel(recipe, knobs, trits(1, 96, 256));
  hint.recipe = print(kernels::Candidate{recipe, knobs, {}});
  hint.timings.push_back({1e-9, 0, 0.001, 0, 10, "2026-01-01T00:00:00Z", 0, 0});
  session.options.hints = {hint};
  session.tasks[0].demands = {{1, 1}};
  const Expected<TuneResult> result = session.run();
  ASSERT_TRUE(result);
  const std::vector<Evaluation>& evaluations = result->shapes[0].search->buckets()[0].evaluations;
  const auto tried = std::ranges::find_if(evaluations, [&](const Evaluation& evaluation) {
    return hash(evaluation.candidate.kernel) == hash(hint.kernel);
  });
  ASSERT_NE(tried, evaluations.end());
  EXPECT_NE(tried->ratio.value, 0.001);
}

TEST(Predict, ChoosesForCpusThatAreNotAtHand) {
  for (const char* name : {"neoverse-n1", "apple-m2", "x86-64-v3"}) {
    const targets::Target target = targets::load_target(name).take();
    Expected<CostModel> model = CostModel::make(target, described_machine(target, 1), 1);
    ASSERT_TRUE(model) << model.error().text();
    int asked = 0;
    const PredictedShape shape = predict_shape(trits(1, 256, 512), {{1, 64}, {16, 1}}, target, *model,
                                               testing::one_thread(), [&] { return ++asked > 3; });
    ASSERT_EQ(shape.chosen.size(), 2u) << name;
    const Choice choice = choice_of(shape, {name, 1});
    EXPECT_TRUE(choice.predicted);
    EXPECT_EQ(choice.kernels[0].weights, choice.kernels[1].weights);
    for (size_t b = 0; b < 2; ++b) {
      EXPECT_TRUE(targets::legality_errors(choice.kernels[b], target).empty()) << name;
      EXPECT_GT(choice.seconds[b], 0);
      EXPECT_TRUE(std::ranges::is_sorted(shape.buckets[b].candidates, {}, [](const PredictedCandidate& one) {
        return one.prediction.seconds;
      }));
    }
    for (const Record& record : records_of(shape, {name, 1})) {
      EXPECT_TRUE(record.timings.empty());
      EXPECT_GT(record.predicted_seconds, 0);
    }
  }
}

}  // namespace
}  // namespace tern::autotune

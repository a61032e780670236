// Kernels that are tried on real work: the same bits with any, and only the better ones stay.
#include "runtime/execute/kernel_trials.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>
#include <thread>

#include "autotune/measure/exact_check.h"
#include "autotune/search/hill_climb.h"
#include "codegen/jit/jit.h"
#include "codegen/lower/lower.h"
#include "kernels/default_kernel.h"
#include "kernels/whole_rows.h"
#include "runtime/execute/engine.h"

namespace tern::runtime {
namespace {

using autotune::Verdict;
using ::testing::HasSubstr;

const std::string model = std::string(TERN_SOURCE_DIR) + "/tests/data/oracle/random-256.gguf";
constexpr int64_t max_rows = 16;

class KernelTrialsTest : public ::testing::Test {
 protected:
  KernelTrialsTest()
      : target_(targets::find_runnable_target("host").take()),
        jit_(codegen::Jit::make(target_, std::nullopt).take()) {
    engine_ = load();
  }

  std::unique_ptr<Engine> load() const {
    EngineOptions options;
    options.model = model;
    options.kernels = jit_kernels(target_, std::nullopt).take();
    options.threads = 2;
    options.buckets = kernels::RowBuckets::up_to(max_rows);
    Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
    EXPECT_TRUE(engine) << engine.error().text();
    return engine.take();
  }

  // Logits after each of a few tokens; the first come by steps of `rows`.
  static std::vector<float> logits(Engine& engine, size_t tokens, size_t rows = 1) {
    std::vector<uint32_t> ids;
    for (uint32_t i = 0; i < tokens; ++i) ids.push_back(i * 37 % 640);
    Sequence sequence = engine.make_sequence(tokens).take();
    std::vector<float> all;
    for (size_t i = 0; i < tokens; i += rows) {
      const size_t count = std::min(rows, tokens - i);
      const SequenceTokens part{&sequence, std::span(ids).subspan(i, count), true};
      const Logits step = engine.step({&part, 1}).take();
      for (size_t row = 0; row < step.rows(); ++row)
        all.insert(all.end(), step[row].begin(), step[row].end());
    }
    return all;
  }

  // The problem of the ternary matrices that most of this model's are, for m rows.
  static ir::Problem problem(int64_t m) {
    return ir::matmul(m, 256, 256, {ir::Element::trit, ir::Scaling::tensor});
  }

  // In this model, attention's outputs are the products of that problem: they add to the hidden row.
  static ir::Kernel residual(ir::Kernel kernel) {
    kernel.epilogue = ir::Epilogue::residual;
    return kernel;
  }
  ir::Kernel default_kernel(int64_t m) const {
    return residual(kernels::default_kernel(problem(m), target_));
  }

  // A kernel that is as right as the default one, and another: one for each epilogue.
  KernelVariants another(const ir::Problem& of, const std::vector<ir::Epilogue>& epilogues) const {
    const kernels::Recipe recipe = kernels::default_recipe(of, target_);
    autotune::HillClimb climb(
        {recipe, kernels::default_knobs(recipe, of, target_), kernels::default_kernel(of, target_)}, target_);
    while (std::optional<kernels::Candidate> candidate = climb.next()) {
      if (codegen::padded_rows(candidate->kernel) > of.m) continue;  // there may be no memory for them
      KernelVariants variants;
      for (const ir::Epilogue epilogue : epilogues) {
        candidate->kernel.epilogue = epilogue;
        Expected<codegen::CompiledKernel> code = jit_.compile(candidate->kernel);
        if (code) variants.push_back(code.take());
      }
      if (variants.size() == epilogues.size()) return variants;
    }
    ADD_FAILURE() << "the default kernel has no neighbours";
    return {};
  }
  KernelVariants another(int64_t m) const { return another(problem(m), {ir::Epilogue::residual}); }

  ir::Kernel in_use(int64_t m) const {
    for (ir::Kernel& kernel : engine_->plan().kernels()) {
      if (kernel.problem == problem(m)) return std::move(kernel);
    }
    ADD_FAILURE() << "no kernel for " << m << " rows";
    return {};
  }

  // As if kernels other than the defaults took `factor` times as long, give or take a little.
  TrialOptions where_others_take(double factor, int64_t m = 1) const {
    TrialOptions options;
    options.time_of_call = [=, calls = 0, own = hash(in_use(m))](const ir::Kernel& kernel, double) mutable {
      const double noise = 1 + 0.01 * std::sin(++calls);
      return 1e-5 * noise * (hash(kernel) == own ? 1 : factor);
    };
    return options;
  }

  // As if kernels that are not in use yet took `factor` times as long, give or take a little.
  TrialOptions where_candidates_take(double factor) const {
    std::set<uint64_t> in_use;
    for (const PlannedProduct& product : engine_->plan().products()) {
      for (const PlannedKernel& kernel : product.set->kernels) {
        if (kernel.code) in_use.insert(hash(kernel.code->kernel()));
      }
    }
    TrialOptions options;
    options.time_of_call = [=, calls = 0](const ir::Kernel& kernel, double) mutable {
      return 1e-5 * (1 + 0.01 * std::sin(++calls)) * (in_use.contains(hash(kernel)) ? 1 : factor);
    };
    return options;
  }

  targets::Target target_;
  codegen::Jit jit_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(KernelTrialsTest, AFasterKernelTakesThePlaceAndNoBitChanges) {
  const std::vector<float> expected = logits(*load(), 40);
  KernelTrials& trials = engine_->try_kernels(where_others_take(0.8));
  const KernelVariants candidate = another(1);
  ASSERT_TRUE(trials.submit(candidate));
  EXPECT_EQ(logits(*engine_, 40), expected) << "while it is on trial";
  const std::optional<FinishedTrial> finished = trials.wait();
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->result.verdict, Verdict::faster);
  EXPECT_NEAR(finished->result.ratio.value, 0.8, 0.01);
  EXPECT_EQ(hash(in_use(1)), hash(candidate[0].kernel()));
  EXPECT_EQ(hash(finished->retired[0].kernel()), hash(default_kernel(1)));
  EXPECT_EQ(logits(*engine_, 40), expected) << "with the new kernel";
  EXPECT_EQ(logits(*engine_, 40, 3), expected) << "with others for other numbers of rows";
}

// The products of gate and up are one site with two epilogues, and a thread computes the same columns of
// both, in whatever steps the kernels take them.
TEST_F(KernelTrialsTest, ProductsThatShareColumnsMayTryOtherSteps) {
  const std::vector<float> expected = logits(*load(), 40);
  // A trial that measures time may need any number of steps.
  KernelTrials& trials = engine_->try_kernels(where_candidates_take(1.3));
  int tried = 0;
  for (const KernelSite& site : trials.sites()) {
    if (site.epilogues.size() < 2 || site.kernel.problem.m != 1) continue;
    EXPECT_EQ(site.epilogues, (std::vector{ir::Epilogue::plain, ir::Epilogue::gate}));
    for (const size_t threads : {1, 2, 3, 5}) {
      ASSERT_TRUE(engine_->set_threads(threads));
      KernelVariants variants;
      for (const ir::Epilogue epilogue : site.epilogues) {
        ir::Kernel kernel = site.kernel;
        kernel.epilogue = epilogue;
        const auto loop =
            std::ranges::find(kernel.schedule.loops, ir::LoopKind::parallel, &ir::ScheduledLoop::kind);
        ASSERT_NE(loop, kernel.schedule.loops.end());
        const ir::ScheduledLoop block{ir::LoopKind::sequential, loop->axis, loop->step};
        loop->step = ir::round_up(kernel.problem.n, 2 * block.step) / 2;  // two threads have all columns
        kernel.schedule.loops.insert(loop + 1, block);
        Expected<codegen::CompiledKernel> code = jit_.compile(kernel);
        ASSERT_TRUE(code) << code.error().text() << print(kernel);
        variants.push_back(code.take());
      }
      const Status submitted = trials.submit(variants);
      ASSERT_TRUE(submitted) << submitted.error().text();
      EXPECT_EQ(logits(*engine_, 40), expected) << threads;
      EXPECT_TRUE(trials.wait());
      ++tried;
    }
  }
  EXPECT_GT(tried, 0);
}

TEST_F(KernelTrialsTest, ASlowerKernelOrOneThatIsAsFastComesBack) {
  for (const double factor : {1.3, 1.0, 0.995}) {
    engine_ = load();
    const ir::Kernel before = in_use(1);
    KernelTrials& trials = engine_->try_kernels(where_others_take(factor));
    const KernelVariants candidate = another(1);
    ASSERT_TRUE(trials.submit(candidate));
    logits(*engine_, 160);
    const std::optional<FinishedTrial> finished = trials.wait();
    ASSERT_TRUE(finished);
    EXPECT_EQ(finished->result.verdict, Verdict::not_faster) << factor;
    EXPECT_EQ(hash(finished->retired[0].kernel()), hash(candidate[0].kernel()));
    EXPECT_EQ(in_use(1), before);
  }
}

TEST_F(KernelTrialsTest, OnlyStepsOfItsNumberOfRowsCount) {
  TrialOptions options = where_others_take(0.5, 4);
  options.patience = 5;
  KernelTrials& trials = engine_->try_kernels(options);
  const Status submitted = trials.submit(another(4));
  ASSERT_TRUE(submitted) << submitted.error().text();
  const std::vector<float> expected = logits(*load(), 30, 3);
  EXPECT_EQ(logits(*engine_, 30, 3), expected);
  const std::optional<FinishedTrial> given_up = trials.wait();
  ASSERT_TRUE(given_up);
  EXPECT_EQ(given_up->result.verdict, Verdict::undecided) << "three rows are not four";
  EXPECT_EQ(given_up->result.rounds, 0);
  ASSERT_TRUE(trials.submit(another(4)));
  EXPECT_EQ(logits(*engine_, 80, 4), logits(*load(), 80, 4));
  EXPECT_EQ(trials.wait()->result.verdict, Verdict::faster);
}

TEST_F(KernelTrialsTest, WhatDoesNotFitIsRefused) {
  KernelTrials& trials = engine_->try_kernels();
  const auto refusal = [&](const ir::Kernel& kernel) {
    const Expected<codegen::CompiledKernel> code = jit_.compile(kernel);
    EXPECT_TRUE(code) << code.error().text();
    const Status status = trials.submit({*code});
    return status ? std::string("accepted") : status.error().message;
  };
  const ir::Kernel own = in_use(1);
  ir::Kernel aligned = own;
  aligned.weights.alignment *= 2;
  EXPECT_THAT(refusal(aligned), HasSubstr("packed in another layout"));
  EXPECT_THAT(refusal(kernels::with_quantized_rows(own)), HasSubstr("its products end in another way"));
  for (const int64_t m : {3, 17}) EXPECT_THAT(refusal(default_kernel(m)), HasSubstr("no matrix poses")) << m;
  ir::Problem other = problem(1);
  other.n = 255;
  EXPECT_THAT(refusal(kernels::default_kernel(other, target_)), HasSubstr("no matrix poses"));
  EXPECT_EQ(refusal(own), "accepted");
  EXPECT_THAT(refusal(own), HasSubstr("another trial is under way"));
}

// A tile of 64 rows would write far behind buffers for 16.
TEST_F(KernelTrialsTest, NoKernelForMoreRowsThanThereIsMemoryFor) {
  KernelTrials& trials = engine_->try_kernels();
  ir::Kernel tall = in_use(max_rows);
  const int64_t rows = engine_->plan().padded_rows();
  const auto loop = std::ranges::find(tall.schedule.loops, ir::Axis::m, &ir::ScheduledLoop::axis);
  ASSERT_NE(loop, tall.schedule.loops.end());
  loop->step = ir::round_up(rows + 1, loop->step);
  const Expected<codegen::CompiledKernel> code = jit_.compile(tall);
  ASSERT_TRUE(code) << code.error().text();
  const Status status = trials.submit({*code});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("there is memory for " + std::to_string(rows)));
}

TEST_F(KernelTrialsTest, NoKernelThatLooksUp) {
  const kernels::Recipe look_ups{ir::Packing::g2b4, ir::LookupCompute{true}};
  const kernels::Recipe dots{ir::Packing::g2b4, ir::DotCompute{{1, ir::Unpack::table}}};
  const Expected<codegen::CompiledKernel> code =
      jit_.compile(residual(kernels::make_kernel(look_ups, problem(1), target_)));
  if (!code) GTEST_SKIP() << "no look-ups by dot4 here";
  EngineOptions options;
  options.model = model;
  options.buckets = kernels::RowBuckets::up_to(max_rows);
  options.kernels = jit_kernels(target_, std::nullopt, [&](const ir::Problem& of) {
                      if (!of.is_quantized()) return kernels::default_kernel(of, target_);
                      return kernels::make_kernel(dots, of, target_);
                    }).take();
  engine_ = Engine::load(options).take();
  const Status status = engine_->try_kernels().submit({*code});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("other programs prepare what it reads"));
}

TEST_F(KernelTrialsTest, AnEndDuringATrialWakesWhoWaits) {
  const ir::Kernel before = in_use(1);
  KernelTrials& trials = engine_->try_kernels(where_others_take(0.5));
  ASSERT_TRUE(trials.submit(another(1)));
  std::optional<FinishedTrial> finished;
  std::thread waiting([&] { finished = trials.wait(); });
  logits(*engine_, 2);  // too few to tell
  trials.close();
  waiting.join();
  EXPECT_FALSE(finished);
  EXPECT_EQ(in_use(1), before);
  EXPECT_FALSE(trials.pause(std::chrono::seconds(100)));
  EXPECT_FALSE(trials.submit(another(1)));
  EXPECT_EQ(logits(*engine_, 10), logits(*load(), 10)) << "it runs on";
}

// What was decided in the very last step is not lost.
TEST_F(KernelTrialsTest, AVerdictIsThereAfterTheEnd) {
  KernelTrials& trials = engine_->try_kernels(where_others_take(0.5));
  ASSERT_TRUE(trials.submit(another(1)));
  logits(*engine_, 8);  // four rounds
  trials.close();
  const std::optional<FinishedTrial> finished = trials.wait();
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->result.verdict, Verdict::faster);
}

// As it is used: a thread that puts in one candidate after the other while the model runs.
TEST_F(KernelTrialsTest, AnotherThreadMayPutInOneAfterTheOther) {
  const std::vector<float> expected = logits(*load(), 60);
  KernelTrials& trials = engine_->try_kernels();
  int tried = 0;
  std::thread other([&] {
    const std::vector<KernelVariants> candidates = {another(1), {jit_.compile(default_kernel(1)).take()}};
    while (trials.submit(candidates[static_cast<size_t>(tried) % 2]) && trials.wait()) {
      ++tried;
      for (const KernelSite& site : trials.sites()) EXPECT_GT(site.products, 0u);
    }
  });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(logits(*engine_, 60), expected);
  trials.close();
  other.join();
  EXPECT_GT(tried, 0);
  const std::vector<KernelSite> sites = trials.sites();
  const auto site =
      std::ranges::find_if(sites, [&](const KernelSite& one) { return one.kernel.problem == problem(1); });
  ASSERT_NE(site, sites.end());
  EXPECT_GT(site->seconds, 0);
  EXPECT_EQ(site->calls % site->products, 0u);
}

}  // namespace
}  // namespace tern::runtime

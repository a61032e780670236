// Heads of whole numbers with a scale for each group: exact sums of quantised activations, or f32 sums in
// order.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/execute/engine.h"
#include "runtime/generate/evaluate.h"
#include "runtime/model/synth.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

std::unique_ptr<Engine> load(const std::string& model, bool exact_head, size_t threads = 1,
                             const std::string& target = "host") {
  EngineOptions options;
  options.model = model;
  options.exact_head = exact_head;
  options.kernels = jit_kernels(targets::find_runnable_target(target).take(), std::nullopt).take();
  options.threads = threads;
  options.buckets = kernels::RowBuckets::up_to(32);
  Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
  EXPECT_TRUE(engine) << engine.error().text();
  return engine.take();
}

std::vector<double> scores(Engine& engine, size_t rows = 0) {
  std::vector<uint32_t> tokens;
  for (uint32_t i = 0; i < 40; ++i) tokens.push_back(i * 37 % engine.model().hyperparameters.vocabulary_size);
  Sequence sequence = engine.make_sequence(tokens.size()).take();
  const Expected<std::vector<double>> result = log_probabilities(engine, sequence, tokens, rows);
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

class Head : public testing::TestWithParam<TensorType> {
 protected:
  Head() : model_(folder_ / "model.gguf") {
    const Status status =
        synthesize_model(model_, *find_synth_shape("tiny"), {.seed = 3, .head = GetParam()});
    EXPECT_TRUE(status) << status.error().text();
  }

  const TemporaryFolder folder_;
  const std::string model_;
};

TEST_P(Head, QuantisedActivationsChangeLittle) {
  const auto quantized = load(model_, false), exact = load(model_, true);
  EXPECT_EQ(quantized->model().hyperparameters.head_group, 32u);
  EXPECT_EQ(exact->model().hyperparameters.head_group, 0u);
  const std::vector<double> ours = scores(*quantized), theirs = scores(*exact);
  EXPECT_NE(ours, theirs);
  double squares = 0;
  for (size_t i = 0; i < ours.size(); ++i) squares += (ours[i] - theirs[i]) * (ours[i] - theirs[i]);
  EXPECT_LT(std::sqrt(squares / static_cast<double>(ours.size())), 0.02);
}

TEST_P(Head, SameBitsForAnyThreadsRowsAndTarget) {
  const std::vector<double> expected = scores(*load(model_, false));
  for (const size_t threads : {2, 3, 5, 8}) {
    const auto engine = load(model_, false, threads);
    for (const size_t rows : {0, 1, 2, 7, 17})
      EXPECT_EQ(scores(*engine, rows), expected) << threads << ", " << rows;
  }
  for (const std::string& target : targets::target_names()) {
    if (target == "generic" || !targets::find_runnable_target(target)) continue;
    EXPECT_EQ(scores(*load(model_, false, 2, target)), expected) << target;
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, Head, testing::Values(TensorType::q8_0, TensorType::q6_k),
                         [](const auto& parameter) { return std::string(name_of(parameter.param)); });

}  // namespace
}  // namespace tern::runtime

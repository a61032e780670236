// A small model of each family: the same bits whatever runs it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/execute/engine.h"
#include "runtime/generate/embed.h"
#include "runtime/generate/evaluate.h"
#include "runtime/generate/generate.h"
#include "runtime/model/synth.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

std::vector<uint32_t> some_tokens(uint32_t count) {
  std::vector<uint32_t> tokens;
  for (uint32_t i = 0; i < count; ++i) tokens.push_back(i * 37 % 640);
  return tokens;
}

std::vector<double> scores(Engine& engine, const std::vector<uint32_t>& tokens, size_t rows) {
  Sequence sequence = engine.make_sequence(tokens.size()).take();
  const Expected<std::vector<double>> result = log_probabilities(engine, sequence, tokens, rows);
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

class Families : public testing::TestWithParam<std::string_view> {
 protected:
  Families() : path_(folder_ / "model.gguf") {
    const TensorType layers = GetParam() == "tiny-binary" ? TensorType::q1_0 : TensorType::i2_s;
    const Status written =
        synthesize_model(path_, *find_synth_shape(GetParam()), {.seed = 7, .layers = layers});
    EXPECT_TRUE(written) << written.error().text();
  }

  std::unique_ptr<Engine> load(const std::string& target, size_t threads, int64_t max_rows) const {
    EngineOptions options;
    options.model = path_;
    options.kernels = jit_kernels(targets::find_runnable_target(target).take(), std::nullopt).take();
    options.threads = threads;
    options.buckets = kernels::RowBuckets::up_to(max_rows);
    Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
    EXPECT_TRUE(engine) << engine.error().text();
    return engine.take();
  }

  TemporaryFolder folder_;
  std::string path_;
};

std::string name_of_shape(const testing::TestParamInfo<std::string_view>& of) {
  std::string name(of.param);
  std::erase(name, '-');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Families,
                         testing::Values("tiny-llama", "tiny-qwen3", "tiny-hunyuan", "tiny-minicpm",
                                         "tiny-gemma3", "tiny-qwen3moe", "tiny-maple", "tiny-qwen35",
                                         "tiny-bonsai-2", "tiny-binary"),
                         name_of_shape);

// More positions than a block of attention has.
TEST_P(Families, SameBitsWithAnyThreadsAndRows) {
  const std::vector<uint32_t> tokens = some_tokens(300);
  const std::vector<double> expected = scores(*load("host", 1, 64), tokens, 64);
  for (const double score : expected) ASSERT_TRUE(std::isfinite(score));
  for (const size_t threads : {2, 3, 7}) {
    const auto engine = load("host", threads, 64);
    for (const size_t rows : {1, 2, 3, 5, 17, 64}) {
      SCOPED_TRACE(fmt::format("{} threads, {} rows", threads, rows));
      EXPECT_EQ(scores(*engine, tokens, rows), expected);
    }
  }
}

TEST_P(Families, SameBitsOnEveryTarget) {
  const std::vector<uint32_t> tokens = some_tokens(40);
  const std::vector<double> expected = scores(*load("host", 1, 16), tokens, 16);
  for (const std::string& target : targets::target_names()) {
    if (target == "generic" || !targets::find_runnable_target(target)) continue;
    SCOPED_TRACE(target);
    EXPECT_EQ(scores(*load(target, 2, 16), tokens, 5), expected);
  }
}

// Sequences that share steps do not touch each other.
TEST_P(Families, SameBitsInABatch) {
  const auto engine = load("host", 2, 64);
  std::vector<std::vector<uint32_t>> texts = {some_tokens(9), some_tokens(30), some_tokens(4)};
  std::vector<std::vector<float>> alone;
  for (const auto& text : texts) {
    Sequence sequence = engine->make_sequence(64).take();
    const Logits logits = *engine->append(sequence, text);
    alone.emplace_back(logits[0].begin(), logits[0].end());
  }
  std::vector<Sequence> sequences;
  for (size_t i = 0; i < texts.size(); ++i) sequences.push_back(engine->make_sequence(64).take());
  std::vector<SequenceTokens> batch;
  for (size_t i = 0; i < texts.size(); ++i) batch.push_back({&sequences[i], texts[i], false});
  const Logits together = *engine->step(batch);
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(std::vector<float>(together[i].begin(), together[i].end()), alone[i]) << i;
}

// Going back to a prefix, and to a copy of one, gives what the whole text gives.
TEST_P(Families, SameBitsAfterAPrefixIsReused) {
  const auto engine = load("host", 2, 64);
  const std::vector<uint32_t> text = some_tokens(60);
  const auto logits_of = [](const Logits& logits) {
    return std::vector<float>(logits[0].begin(), logits[0].end());
  };
  Sequence sequence = engine->make_sequence(100).take();
  const std::vector<float> expected = logits_of(*engine->append(sequence, text));
  const std::span<const uint32_t> all = text;
  const auto go_on = [&](Sequence& other) {
    return logits_of(*engine->append(other, all.subspan(other.length())));
  };
  Sequence other = engine->make_sequence(100).take();
  ASSERT_TRUE(engine->append(other, all.first(40)));
  ASSERT_TRUE(other.checkpoint());
  Sequence copy = other.fork(40).take();
  ASSERT_TRUE(engine->append(other, std::vector<uint32_t>{3, 1, 4, 1, 5}));
  other.truncate(42);
  other.truncate(40);
  EXPECT_EQ(other.length(), 40u);
  EXPECT_EQ(go_on(other), expected);
  EXPECT_EQ(go_on(copy), expected);
  sequence.truncate(20);  // with a recurrent state: to the beginning
  EXPECT_EQ(go_on(sequence), expected);
}

// A checkpoint before the end of a prompt changes no token, and the prompt can be answered again from it.
TEST_P(Families, SameTokensFromACheckpoint) {
  const auto engine = load("host", 2, 64);
  const std::vector<uint32_t> prompt = some_tokens(40);
  GenerateOptions options;
  options.max_tokens = 6;
  options.sampling.temperature = 0;
  options.stop_at_end = false;
  Sequence plain = engine->make_sequence(100).take();
  const std::vector<uint32_t> expected = generate(*engine, plain, prompt, options)->tokens;
  options.keep_checkpoint = true;
  Sequence sequence = engine->make_sequence(100).take();
  EXPECT_EQ(generate(*engine, sequence, prompt, options)->tokens, expected);
  sequence.truncate(39);
  EXPECT_EQ(sequence.length(), sequence.is_recurrent() ? 24u : 39u);
  const std::span<const uint32_t> rest = std::span(prompt).subspan(sequence.length());
  EXPECT_EQ(generate(*engine, sequence, rest, options)->tokens, expected);
}

TEST_P(Families, EmbeddingsHaveLengthOneAndTheSameBits) {
  const std::vector<uint32_t> tokens = some_tokens(50);
  for (const Pooling pooling : {Pooling::last, Pooling::mean}) {
    const std::vector<float> expected = *embed(*load("host", 1, 64), tokens, pooling);
    ASSERT_EQ(expected.size(), 256u);
    double squares = 0;
    for (const float x : expected) squares += static_cast<double>(x) * x;
    EXPECT_NEAR(squares, 1, 1e-6);
    EXPECT_EQ(*embed(*load("host", 3, 16), tokens, pooling), expected);
  }
  const auto engine = load("host", 1, 64);
  EXPECT_NE(*embed(*engine, tokens, Pooling::last), *embed(*engine, tokens, Pooling::mean));
  EXPECT_EQ(embed(*engine, std::vector<uint32_t>{5000}, Pooling::last).error().message,
            "the model has no token 5000");
}

}  // namespace
}  // namespace tern::runtime

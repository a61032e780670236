// Models of every family and tensor type, made by programs that share nothing with Tern, against what a
// float64 reference computed from them: tests/data/oracle/README.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/execute/engine.h"
#include "runtime/generate/embed.h"
#include "runtime/generate/evaluate.h"
#include "runtime/generate/generate.h"
#include "targets/host.h"

namespace tern::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path folder = fs::path(TERN_SOURCE_DIR) / "tests" / "data" / "oracle";

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    // engine_test.cpp has random-256, the one without an answer for activations that are floats.
    const std::string name = entry.path().stem();
    if (entry.path().extension() == ".json" && name != "random-256") found.push_back(name);
  }
  std::ranges::sort(found);
  return found;
}

struct Distance {
  double rms = 0, most = 0;
};
Distance distance(const std::vector<double>& ours, const std::vector<double>& theirs) {
  EXPECT_EQ(ours.size(), theirs.size());
  Distance result;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double difference = std::abs(ours[i] - theirs[i]);
    result.rms += difference * difference;
    result.most = std::max(result.most, difference);
  }
  result.rms = std::sqrt(result.rms / static_cast<double>(ours.size()));
  return result;
}

class OracleModels : public testing::TestWithParam<std::string> {
 protected:
  OracleModels() {
    std::ifstream in(folder / (GetParam() + ".json"));
    answers_ = json::parse(in);
    tokens_ = answers_["tokens"].get<std::vector<uint32_t>>();
  }

  std::unique_ptr<Engine> load(Activations activations, CacheElement element, size_t threads = 2) const {
    EngineOptions options;
    const fs::path file = folder / (GetParam() + ".gguf");
    options.model = fs::exists(file) ? file : folder / GetParam();
    options.activations = activations;
    options.kv_element = element;
    options.threads = threads;
    options.kernels = jit_kernels(targets::find_runnable_target("host").take(), std::nullopt).take();
    options.buckets = kernels::RowBuckets::up_to(64);
    Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
    if (!engine) {
      ADD_FAILURE() << engine.error().text();
      return nullptr;
    }
    return engine.take();
  }

  std::vector<double> scores(Engine& engine, size_t rows = 0) const {
    Sequence sequence = engine.make_sequence(tokens_.size()).take();
    const auto result = log_probabilities(engine, sequence, tokens_, rows);
    EXPECT_TRUE(result) << result.error().text();
    return result ? *result : std::vector<double>();
  }

  // The tokens that the engine finds likeliest must be the reference's for as long as each of these led by
  // `margin`.
  void expect_greedy(Engine& engine, const json& reference, double margin) const {
    Sequence sequence = engine.make_sequence(tokens_.size() + 16).take();
    GenerateOptions options;
    options.max_tokens = 16;
    options.sampling.temperature = 0;
    options.stop_at_end = false;
    const auto result = generate(engine, sequence, tokens_, options);
    ASSERT_TRUE(result) << result.error().text();
    for (size_t i = 0; i < 16 && reference["greedy_margin"][i] > margin; ++i)
      ASSERT_EQ(result->tokens[i], reference["greedy"][i].get<uint32_t>()) << "token " << i;
  }

  // The answers with activations that stay floats.
  const json& with_floats() const { return answers_.contains("float") ? answers_["float"] : answers_; }

  json answers_;
  std::vector<uint32_t> tokens_;
};

INSTANTIATE_TEST_SUITE_P(All, OracleModels, testing::ValuesIn(names()), [](const auto& test) {
  std::string name = test.param;
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST_P(OracleModels, FloatsGiveTheReference) {
  const auto engine = load(Activations::f32, CacheElement::f32);
  ASSERT_TRUE(engine);
  const Distance found = distance(scores(*engine), with_floats()["logprobs_of_next"]);
  EXPECT_LE(found.rms, 2e-4);
  EXPECT_LE(found.most, 2e-3);
  expect_greedy(*engine, with_floats(), 0.01);
}

// How far whole numbers as activations may be: as far as they are in the reference of one's own rounding, and
// half as much more, since random weights amplify where a rounding falls.
TEST_P(OracleModels, TheDefaultIsWithinTheCostOfWholeNumbers) {
  const auto engine = load(Activations::as_trained, CacheElement::f16);
  ASSERT_TRUE(engine);
  const std::vector<double> ours = scores(*engine);
  Distance nearest{1e9, 1e9};
  double rms = 0.04, most = 0.12;
  for (const char* variant : {"", "float", "int8_token", "ggml", "int8"}) {
    if (*variant != 0 && !answers_.contains(variant)) continue;
    const json& reference = *variant == 0 ? answers_ : answers_[variant];
    const Distance found = distance(ours, reference["logprobs_of_next"]);
    if (found.rms < nearest.rms) nearest = found;
    if (!reference.contains("difference")) continue;
    rms = std::max(rms, 1.2 * reference["difference"]["rms"].get<double>());
    most = std::max(most, 1.6 * reference["difference"]["max"].get<double>());
  }
  if (answers_.contains("int8_against_float")) {
    rms = 1.5 * answers_["int8_against_float"]["rms"].get<double>();
    most = 2 * answers_["int8_against_float"]["max"].get<double>();
  }
  EXPECT_LE(nearest.rms, rms);
  EXPECT_LE(nearest.most, most);
}

class OracleEmbeddings : public OracleModels {};
INSTANTIATE_TEST_SUITE_P(All, OracleEmbeddings, testing::Values("emb-gemma3", "emb-qwen3"),
                         [](const auto& test) { return std::string(test.param.substr(4)); });

TEST_P(OracleEmbeddings, PointTheSameWay) {
  const auto engine = load(Activations::as_trained, CacheElement::f32);
  ASSERT_TRUE(engine);
  const auto ours = embed(*engine, tokens_, Pooling::last);
  ASSERT_TRUE(ours) << ours.error().text();
  const auto theirs = answers_["embedding"].get<std::vector<double>>();
  ASSERT_EQ(ours->size(), theirs.size());
  double cosine = 0;  // of vectors of length 1
  for (size_t i = 0; i < theirs.size(); ++i) cosine += static_cast<double>((*ours)[i]) * theirs[i];
  EXPECT_NEAR(cosine, 1, 1e-3);
}

TEST_P(OracleModels, BitsDependOnNeitherThreadsNorSteps) {
  const auto engine = load(Activations::as_trained, CacheElement::f16),
             alone = load(Activations::as_trained, CacheElement::f16, 1);
  ASSERT_TRUE(engine && alone);
  const std::vector<double> expected = scores(*engine);
  EXPECT_EQ(scores(*engine, 1), expected);
  EXPECT_EQ(scores(*engine, 7), expected);
  EXPECT_EQ(scores(*alone), expected);
}

}  // namespace
}  // namespace tern::runtime

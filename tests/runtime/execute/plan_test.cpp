// Buckets of rows: when their code is made, and that no bit depends on which of them a step runs in.
#include "runtime/execute/plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "runtime/execute/engine.h"
#include "targets/host.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Kernels of the JIT, which counts what it was asked to compile by rows, and refuses some of it.
struct Source {
  std::mutex mutex;
  std::map<int64_t, int> compiled;
  std::vector<int64_t> refused;

  KernelSource kernels() {
    KernelSource source = jit_kernels(targets::find_runnable_target("host").take(), std::nullopt).take();
    source.provide =
        [this, provide = source.provide](const ir::Kernel& kernel) -> Expected<codegen::CompiledKernel> {
      const int64_t rows = kernel.problem.m;
      const std::lock_guard lock(mutex);
      if (std::ranges::find(refused, rows) != refused.end())
        return Error{fmt::format("no code for {} rows", rows), {}};
      ++compiled[rows];
      return provide(kernel);
    };
    return source;
  }
  std::vector<int64_t> rows() const {
    std::vector<int64_t> rows;
    for (const auto& [m, count] : compiled) rows.push_back(m);
    return rows;
  }
};

std::unique_ptr<Engine> load(Source& source) {
  EngineOptions options;
  options.model = std::string(TERN_SOURCE_DIR) + "/tests/data/oracle/random-256.gguf";
  options.kernels = source.kernels();
  options.threads = 2;
  options.buckets = kernels::RowBuckets::up_to(16);
  Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
  EXPECT_TRUE(engine) << engine.error().text();
  return engine.take();
}

// The logits after a prompt of `tokens` tokens, in one step.
std::vector<float> logits(Engine& engine, uint32_t tokens) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < tokens; ++i) ids.push_back(i * 37 % 640);
  Sequence sequence = engine.make_sequence(tokens).take();
  const Logits result = engine.append(sequence, ids).take();
  return {result[0].begin(), result[0].end()};
}

TEST(Plan, CodeOfABucketIsMadeWhenAStepNeedsIt) {
  Source source;
  const auto engine = load(source);
  EXPECT_THAT(source.rows(), ElementsAre(1, 16));
  logits(*engine, 1);
  logits(*engine, 9);
  EXPECT_THAT(source.rows(), ElementsAre(1, 16)) << "9 rows run the kernels for 16";
  logits(*engine, 5);
  EXPECT_THAT(source.rows(), ElementsAre(1, 8, 16));
  const std::map<int64_t, int> before = source.compiled;
  logits(*engine, 8);
  EXPECT_EQ(source.compiled, before) << "each once";
  EXPECT_LT(before.at(8), before.at(16)) << "the head of a prompt has one row";
  EXPECT_TRUE(engine->plan().failures().empty());
}

TEST(Plan, ABucketWithoutCodeRunsTheNextLargerOnesKernels) {
  Source all, some;
  const auto expected = load(all), engine = load(some);
  some.refused = {2, 4, 8};
  for (const uint32_t tokens : {3u, 4u, 2u, 7u, 3u, 16u})
    EXPECT_EQ(logits(*engine, tokens), logits(*expected, tokens)) << tokens;
  EXPECT_THAT(some.rows(), ElementsAre(1, 16));
  ASSERT_FALSE(engine->plan().failures().empty());
  EXPECT_THAT(engine->plan().failures()[0].text(), HasSubstr("no code for 4 rows"));
  const size_t failures = engine->plan().failures().size();
  logits(*engine, 3);
  EXPECT_EQ(engine->plan().failures().size(), failures) << "it is not tried again";
}

TEST(Plan, TheFirstAndTheLastBucketMustHaveCode) {
  for (const int64_t rows : {1, 16}) {
    Source source;
    source.refused = {rows};
    EngineOptions options;
    options.model = std::string(TERN_SOURCE_DIR) + "/tests/data/oracle/random-256.gguf";
    options.kernels = source.kernels();
    options.buckets = kernels::RowBuckets::up_to(16);
    const Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
    ASSERT_FALSE(engine);
    EXPECT_THAT(engine.error().text(), HasSubstr("no code for"));
  }
}

}  // namespace
}  // namespace tern::runtime

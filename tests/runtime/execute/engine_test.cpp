// Whole models: against the answers of independent programs, and the same bits whatever runs them.
#include "runtime/execute/engine.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/whole_rows.h"
#include "runtime/generate/evaluate.h"
#include "runtime/generate/generate.h"
#include "runtime/generate/perplexity.h"
#include "runtime/math/vector_level.h"
#include "targets/host.h"
#include "targets/legal.h"

namespace tern::runtime {
namespace {

const std::string oracle = std::string(TERN_SOURCE_DIR) + "/tests/data/oracle/random-256";
const std::string in_the_box = std::string(TERN_SOURCE_DIR) + "/models/tern-small.gguf";

std::unique_ptr<Engine> load(const std::string& model, const std::string& target = "host", size_t threads = 1,
                             int64_t max_rows = 64, CacheElement element = CacheElement::f16) {
  EngineOptions options;
  options.model = model;
  options.kernels = jit_kernels(targets::find_runnable_target(target).take(), std::nullopt).take();
  options.threads = threads;
  options.buckets = kernels::RowBuckets::up_to(max_rows);
  options.kv_element = element;
  Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
  EXPECT_TRUE(engine) << engine.error().text();
  return engine.take();
}

std::vector<double> scores(Engine& engine, const std::vector<uint32_t>& tokens, size_t rows = 0) {
  Sequence sequence = engine.make_sequence(tokens.size()).take();
  const Expected<std::vector<double>> result = log_probabilities(engine, sequence, tokens, rows);
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

std::vector<uint32_t> some_tokens(uint32_t count) {
  std::vector<uint32_t> tokens;
  for (uint32_t i = 0; i < count; ++i) tokens.push_back(i * 37 % 640);
  return tokens;
}

std::vector<std::string> runnable_targets() {
  std::vector<std::string> names = {"host"};
  for (const std::string& name : targets::target_names()) {
    // The portable target is right but slow: its kernels have tests of their own.
    if (name != "generic" && targets::find_runnable_target(name)) names.push_back(name);
  }
  return names;
}

struct Answers {
  std::vector<uint32_t> tokens, greedy;
  std::vector<double> log_probabilities, greedy_margin;
};

Answers read_answers() {
  std::ifstream in(oracle + ".json");
  const nlohmann::json json = nlohmann::json::parse(in);
  return {json["tokens"], json["greedy"], json["logprobs_of_next"], json["greedy_margin"]};
}

void expect_close(const std::vector<double>& ours, const std::vector<double>& theirs, double rms,
                  double most) {
  ASSERT_EQ(ours.size(), theirs.size());
  double squares = 0, largest = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    squares += (ours[i] - theirs[i]) * (ours[i] - theirs[i]);
    largest = std::max(largest, std::abs(ours[i] - theirs[i]));
  }
  EXPECT_LE(std::sqrt(squares / static_cast<double>(ours.size())), rms);
  EXPECT_LE(largest, most);
}

TEST(Engine, AgreesWithAnIndependentReference) {
  const Answers answers = read_answers();
  // With keys and values in f32 nothing but the order of a few float operations differs.
  const auto exact = load(oracle + ".gguf", "host", 1, 64, CacheElement::f32);
  expect_close(scores(*exact, answers.tokens), answers.log_probabilities, 1e-4, 1e-3);
  // A random model amplifies the rounding of keys and values to f16.
  const auto rounded = load(oracle + ".gguf");
  expect_close(scores(*rounded, answers.tokens), answers.log_probabilities, 0.04, 0.10);
}

TEST(Engine, ContinuesAsTheIndependentReferenceDoes) {
  const Answers answers = read_answers();
  for (const CacheElement element : {CacheElement::f16, CacheElement::f32}) {
    const auto engine = load(oracle + ".gguf", "host", 1, 64, element);
    Sequence sequence = engine->make_sequence(80).take();
    GenerateOptions options;
    options.max_tokens = answers.greedy.size();
    options.sampling.temperature = 0;
    options.stop_at_end = false;
    const Expected<Generation> result = generate(*engine, sequence, answers.tokens, options);
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->tokens, answers.greedy);
  }
}

TEST(Engine, SameBitsOnEveryTargetThreadCountAndBatchSize) {
  const std::vector<uint32_t> tokens = some_tokens(70);
  const std::vector<double> expected = scores(*load(oracle + ".gguf"), tokens);
  for (const std::string& target : runnable_targets()) {
    SCOPED_TRACE(target);
    const auto engine = load(oracle + ".gguf", target, 2);
    EXPECT_EQ(scores(*engine, tokens), expected);
    EXPECT_EQ(scores(*engine, tokens, 1), expected) << "token by token";
    EXPECT_EQ(scores(*engine, tokens, 7), expected);
    ASSERT_TRUE(engine->set_threads(3));
    EXPECT_EQ(scores(*engine, tokens), expected) << "three threads";
  }
}

// Which vector instructions an engine uses is its own: engines of several targets run side by side.
TEST(Engine, EnginesOfDifferentVectorLevelsRunSideBySide) {
  const std::vector<uint32_t> tokens = some_tokens(40);
  std::map<VectorLevel, std::unique_ptr<Engine>> engines;
  for (const std::string& name : runnable_targets()) {
    const targets::Target target = targets::find_runnable_target(name).take();
    auto& engine = engines[vector_level_of(target)];
    if (!engine) engine = load(oracle + ".gguf", name, 2);
  }
#if defined(__x86_64__)
  EXPECT_GE(engines.size(), 2u);
#endif
  const std::vector<double> expected = scores(*load(oracle + ".gguf"), tokens);
  // One after another, then all at once.
  for (int round = 0; round < 2; ++round) {
    for (const auto& [level, engine] : engines) EXPECT_EQ(scores(*engine, tokens, 3), expected);
  }
  std::vector<std::vector<double>> found(engines.size());
  std::vector<std::thread> threads;
  for (const auto& [level, engine] : engines)
    threads.emplace_back([&, i = threads.size(), one = engine.get()] { found[i] = scores(*one, tokens, 3); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& each : found) EXPECT_EQ(each, expected);
}

// With few rows threads compute whole rows for themselves, with more they share them out; attention is
// divided by blocks of positions where tasks are few.
TEST(Engine, SameBitsOnAnyNumberOfThreads) {
  const std::vector<uint32_t> tokens = some_tokens(70);
  const auto engine = load(oracle + ".gguf");
  const std::vector<double> expected = scores(*engine, tokens);
  for (const size_t threads : {1, 2, 3, 5, 8}) {
    ASSERT_TRUE(engine->set_threads(threads));
    for (const size_t rows : {0, 1, 2, 3, 4, 9, 33})
      EXPECT_EQ(scores(*engine, tokens, rows), expected) << threads << " threads, " << rows << " rows a step";
  }
}

TEST(Engine, ATokenTakesSixMeetingsALayer) {
  for (const size_t threads : {1, 2, 3}) {
    const auto engine = load(oracle + ".gguf", "host", threads);
    const Expected<Meetings> meetings = engine->meetings();
    ASSERT_TRUE(meetings) << meetings.error().text();
    EXPECT_EQ(meetings->layer, 6) << threads;
    // One after the embedding, and one at the end of the head.
    const int64_t layers = engine->model().hyperparameters.block_count;
    EXPECT_EQ(meetings->step, layers * meetings->layer + 2);
  }
}

TEST(Engine, AProfileCountsEachStepAndChangesNoBit) {
  const std::vector<uint32_t> tokens = some_tokens(40);
  const auto engine = load(oracle + ".gguf", "host", 2);
  const std::vector<double> expected = scores(*engine, tokens, 1);
  StepProfile profile;
  engine->profile(&profile);
  EXPECT_EQ(scores(*engine, tokens, 1), expected);
  engine->profile(nullptr);
  EXPECT_EQ(profile.threads(), 2u);
  const std::vector<StepProfile::Row> rows = profile.rows();
  const auto steps_of = [&](std::string_view label) {
    const auto found = std::ranges::find(rows, label, &StepProfile::Row::label);
    return found == rows.end() ? int64_t{0} : found->steps;
  };
  const auto tokens_run = static_cast<int64_t>(tokens.size()) - 1;  // nothing is asked of the last
  const int64_t layers = engine->model().hyperparameters.block_count;
  EXPECT_EQ(steps_of("embed token_embedding"), tokens_run);
  EXPECT_EQ(steps_of("matmul query key value"), tokens_run * layers);
  EXPECT_EQ(steps_of("attend"), tokens_run * layers);
  EXPECT_EQ(steps_of("matmul output"), tokens_run);
  for (const StepProfile::Row& row : rows) {
    EXPECT_GE(row.work_seconds, 0) << row.label;
    EXPECT_GE(row.wait_seconds, 0) << row.label;
  }
  // Nothing is added any more.
  scores(*engine, tokens, 1);
  EXPECT_EQ(profile.rows().front().steps, rows.front().steps);
}

TEST(Engine, DecodingAndPromptsMayHaveThreadsOfTheirOwn) {
  const std::vector<uint32_t> tokens = some_tokens(70);
  const auto engine = load(oracle + ".gguf");
  const std::vector<double> expected = scores(*engine, tokens);
  const std::vector<int>& processors = targets::detect_host()->processors;
  for (const EngineThreads& threads : std::vector<EngineThreads>{
           {1, 3, {}}, {3, 1, {}}, {2, 5, {}}, {1, 1, processors}, {2, 2, {}}, {5, 2, {}}, {1, 4, {}}}) {
    ASSERT_TRUE(engine->set_threads(threads));
    EXPECT_EQ(engine->threads(), threads);
    // 7 rows and a rest of 6; one by one; three and five, which change sides between the steps.
    for (const size_t rows : {0, 7, 1, 3, 5}) EXPECT_EQ(scores(*engine, tokens, rows), expected) << rows;
    Sequence sequence = engine->make_sequence(80).take();
    GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_tokens = read_answers().greedy.size();
    options.stop_at_end = false;
    EXPECT_EQ(generate(*engine, sequence, read_answers().tokens, options)->tokens, read_answers().greedy);
  }
}

TEST(Engine, RunsOnAloneWhereThreadsAreRefused) {
  const std::vector<uint32_t> tokens = some_tokens(20);
  const auto engine = load(oracle + ".gguf", "host", 2);
  const std::vector<double> expected = scores(*engine, tokens);
  EXPECT_FALSE(engine->set_threads({1, 1, {100'000}}));
  EXPECT_EQ(engine->threads(), EngineThreads(1));
  EXPECT_EQ(scores(*engine, tokens), expected);
  EXPECT_FALSE(engine->set_threads({2, 0, {}}));
  EXPECT_TRUE(engine->set_threads(2));
  EXPECT_EQ(scores(*engine, tokens), expected);
}

#ifdef __linux__
// A thread that an engine bound has its processors back after the engine, in whichever order the engine
// changed its threads.
TEST(Engine, GivesTheCallerItsProcessorsBack) {
  cpu_set_t before, after;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  const std::vector<int>& processors = targets::detect_host()->processors;
  if (processors.size() < 2) GTEST_SKIP() << "one processor";
  {
    const auto engine = load(oracle + ".gguf");
    ASSERT_TRUE(engine->set_threads({1, 2, processors}));
    ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_EQ(CPU_COUNT(&after), 1);
    ASSERT_TRUE(engine->set_threads({2, 1, {}}));
    ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
    ASSERT_TRUE(engine->set_threads({2, 1, processors}));
  }
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}
#endif

// All ternary matrices by the recipe for their number of rows.
std::unique_ptr<Engine> load_with(const std::function<kernels::Recipe(int64_t rows)>& recipe_for,
                                  size_t threads) {
  const targets::Target target = targets::find_runnable_target("host").take();
  EngineOptions options;
  options.model = oracle + ".gguf";
  options.threads = threads;
  options.buckets = kernels::RowBuckets::up_to(64);
  options.kernels = jit_kernels(target, std::nullopt, [=](const ir::Problem& problem) {
                      if (!problem.is_quantized()) return kernels::default_kernel(problem, target);
                      return kernels::make_kernel(recipe_for(problem.m), problem, target);
                    }).take();
  Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
  EXPECT_TRUE(engine) << engine.error().text();
  return engine ? engine.take() : nullptr;
}

// Every way to pack and multiply, in whole models: tables that Q, K and V share, scratch for panels, masks.
TEST(Engine, SameBitsWithEveryRecipe) {
  const std::vector<uint32_t> tokens = some_tokens(24);
  const std::vector<double> expected = scores(*load(oracle + ".gguf"), tokens);
  const targets::Target host = targets::find_runnable_target("host").take();
  int run = 0;
  for (const kernels::Recipe& recipe : kernels::recipes(ir::Element::trit)) {
    SCOPED_TRACE(print(recipe));
    const ir::Problem problem = ir::matmul(1, 256, 256, {ir::Element::trit, ir::Scaling::tensor});
    if (!targets::legality_errors(make_kernel(recipe, problem, host), host).empty()) continue;
    const auto engine = load_with([&](int64_t) { return recipe; }, 1);
    ASSERT_TRUE(engine);
    for (const size_t threads : {1, 2}) {
      ASSERT_TRUE(engine->set_threads(threads));
      EXPECT_EQ(scores(*engine, tokens), expected) << threads << " threads, a prompt";
      EXPECT_EQ(scores(*engine, tokens, 1), expected) << threads << " threads, token by token";
    }
    ++run;
  }
  EXPECT_GT(run, 10);
}

// Decoding may look up what prompts multiply, with the same packed weights.
TEST(Engine, StrategiesMayDifferByTheNumberOfRows) {
  const targets::Target host = targets::find_runnable_target("host").take();
  const kernels::Recipe dots{ir::Packing::g2b4, ir::DotCompute{{1, ir::Unpack::table}}};
  const kernels::Recipe look_ups{ir::Packing::g2b4, ir::LookupCompute{true}};
  const ir::Problem problem = ir::matmul(1, 256, 256, {ir::Element::trit, ir::Scaling::tensor});
  if (!targets::legality_errors(make_kernel(look_ups, problem, host), host).empty())
    GTEST_SKIP() << "no look-ups by dot4 here";
  const std::vector<uint32_t> tokens = some_tokens(24);
  const std::vector<double> expected = scores(*load(oracle + ".gguf"), tokens);
  for (const int64_t most_rows_looked_up : {1, 4}) {
    const auto engine =
        load_with([=](int64_t rows) { return rows <= most_rows_looked_up ? look_ups : dots; }, 2);
    ASSERT_TRUE(engine);
    for (const size_t rows : {0, 1, 3, 7}) EXPECT_EQ(scores(*engine, tokens, rows), expected) << rows;
  }
}

TEST(Engine, KernelsOfOneMatrixMustShareItsWeights) {
  const targets::Target target = targets::find_runnable_target("host").take();
  EngineOptions options;
  options.model = oracle + ".gguf";
  options.kernels = jit_kernels(target, std::nullopt, [=](const ir::Problem& problem) {
                      ir::Kernel kernel = kernels::default_kernel(problem, target);
                      if (problem.m > 1) kernel.weights.alignment *= 2;
                      return kernel;
                    }).take();
  const Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
  ASSERT_FALSE(engine);
  EXPECT_NE(engine.error().text().find("cannot share the weights of"), std::string::npos);
}

TEST(Engine, KernelsMustEndWithTheirProduct) {
  const targets::Target target = targets::find_runnable_target("host").take();
  EngineOptions options;
  options.model = oracle + ".gguf";
  const auto gate = [](ir::Kernel kernel) {
    kernel.epilogue = ir::Epilogue::gate;
    return kernel;
  };
  for (const auto& change :
       std::vector<std::function<ir::Kernel(ir::Kernel)>>{gate, kernels::with_quantized_rows}) {
    options.kernels = jit_kernels(target, std::nullopt, [=](const ir::Problem& problem) {
                        const ir::Kernel kernel = kernels::default_kernel(problem, target);
                        return problem.is_quantized() ? change(kernel) : kernel;
                      }).take();
    const Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
    ASSERT_FALSE(engine);
    EXPECT_NE(engine.error().text().find("the graph says what follows it"), std::string::npos);
  }
}

TEST(Engine, SequencesOfABatchDoNotTouchEachOther) {
  const auto engine = load(oracle + ".gguf", "host", 2);
  const std::vector<uint32_t> first = {5, 6, 7, 8, 9}, second = {100, 200};
  const auto alone = [&](const std::vector<uint32_t>& tokens) {
    Sequence sequence = engine->make_sequence(8).take();
    const Logits logits = engine->append(sequence, tokens).take();
    return std::vector<float>(logits[0].begin(), logits[0].end());
  };
  const std::vector<float> expected_first = alone(first), expected_second = alone(second);
  Sequence a = engine->make_sequence(8).take(), b = engine->make_sequence(8).take();
  const SequenceTokens batch[] = {{&a, first, false}, {&b, second, false}};
  const Logits logits = engine->step(batch).take();
  ASSERT_EQ(logits.rows(), 2u);
  EXPECT_TRUE(std::equal(expected_first.begin(), expected_first.end(), logits[0].begin()));
  EXPECT_TRUE(std::equal(expected_second.begin(), expected_second.end(), logits[1].begin()));
}

std::vector<float> last_logits(Engine& engine, Sequence& sequence, std::span<const uint32_t> tokens,
                               size_t rows = 0) {
  const Expected<Logits> logits = engine.append(sequence, tokens, rows);
  EXPECT_TRUE(logits) << logits.error().text();
  return {(*logits)[0].begin(), (*logits)[0].end()};
}

// Past one block of positions, so that threads share a row's attention out; pages that blocks straddle.
TEST(Engine, SameBitsWithPagesOfEverySizeAndAnyThreads) {
  const std::vector<uint32_t> tokens = some_tokens(300);
  std::vector<float> expected;
  for (const size_t positions : {64, 32, 96, 160, 256, 512}) {
    EngineOptions options;
    options.model = oracle + ".gguf";
    options.kernels = jit_kernels(targets::find_runnable_target("host").take(), std::nullopt).take();
    options.page_positions = positions;
    const std::unique_ptr<Engine> engine = Engine::load(options).take();
    Sequence sequence = engine->make_sequence(tokens.size()).take();
    const auto logits = last_logits(*engine, sequence, tokens);
    if (expected.empty()) expected = logits;
    EXPECT_EQ(logits, expected) << positions;
    for (const size_t threads : {2, 3, 5, 8}) {
      ASSERT_TRUE(engine->set_threads(threads));
      // From before a block's end: of some steps only the last rows see the next block.
      for (const size_t rows : {1, 3, 8}) {
        sequence.truncate(250);
        EXPECT_EQ(last_logits(*engine, sequence, std::span(tokens).subspan(250), rows), expected)
            << positions << ", " << threads << " threads, " << rows << " rows a step";
      }
    }
  }
  EngineOptions options;
  options.model = oracle + ".gguf";
  options.kernels = jit_kernels(targets::find_runnable_target("host").take(), std::nullopt).take();
  options.page_positions = 48;
  EXPECT_FALSE(Engine::load(options).take()->make_sequence(10));
}

TEST(Engine, APrefixReusedIsAPrefixComputedAnew) {
  const auto engine = load(oracle + ".gguf", "host", 2);
  const std::vector<uint32_t> tokens = some_tokens(300);
  std::vector<uint32_t> other = some_tokens(150);
  other.insert(other.end(), {3, 1, 4, 1, 5, 9, 2, 6});
  Sequence anew = engine->make_sequence(300).take(), other_anew = engine->make_sequence(300).take();
  const auto expected = last_logits(*engine, anew, tokens),
             expected_other = last_logits(*engine, other_anew, other);

  const std::shared_ptr<PagePool> pool = engine->make_pool(500).take();
  Sequence first(pool, 300);
  EXPECT_EQ(last_logits(*engine, first, tokens), expected);
  // 150 tokens end within a page, 128 with one; the fork goes on while the first does.
  for (const size_t prefix : {150, 128, 1}) {
    const size_t free = pool->free_pages();
    Sequence fork = first.fork(prefix).take();
    EXPECT_EQ(pool->free_pages(), free);
    EXPECT_EQ(last_logits(*engine, fork, std::span(other).subspan(prefix)), expected_other) << prefix;
    first.truncate(280);
    EXPECT_EQ(last_logits(*engine, first, std::span(tokens).subspan(280)), expected) << prefix;
  }
  // Truncated in the middle of a page, then another text, then the first one again.
  first.truncate(150);
  EXPECT_EQ(last_logits(*engine, first, std::span(other).subspan(150)), expected_other);
  first.truncate(150);
  EXPECT_EQ(last_logits(*engine, first, std::span(tokens).subspan(150), 7), expected);
}

TEST(Engine, APoolWithoutPagesIsAnErrorAndLosesNothing) {
  const auto engine = load(oracle + ".gguf");
  const std::vector<uint32_t> tokens = some_tokens(70);
  const std::shared_ptr<PagePool> pool = engine->make_pool(128).take();
  Sequence first(pool, 100), second(pool, 100);
  const auto expected = last_logits(*engine, first, std::span(tokens).first(60));
  EXPECT_EQ(last_logits(*engine, second, std::span(tokens).first(60)), expected);
  const Expected<Logits> logits = engine->append(first, std::span(tokens).subspan(60));
  ASSERT_FALSE(logits);
  EXPECT_EQ(logits.error().message, "all 2 pages of keys and values are in use");
  EXPECT_EQ(first.length(), 60u);
  second.truncate(0);
  EXPECT_TRUE(engine->append(first, std::span(tokens).subspan(60)));
}

TEST(Engine, TheModelInTheBoxKnowsEnglishProse) {
  const auto engine = load(in_the_box, "host", 2, 256);
  std::ifstream in(std::string(TERN_SOURCE_DIR) + "/models/heldout.txt");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const std::string part = text.substr(0, 12000);
  const Expected<CutText> cut = cut_text(engine->tokenizer(), part, {.context = 256});
  ASSERT_TRUE(cut) << cut.error().text();
  const Expected<Perplexity> result = perplexity(*engine, *cut);
  ASSERT_TRUE(result) << result.error().text();
  const double bits = result->bits() / static_cast<double>(part.size());
  EXPECT_LT(bits, 1.75);
}

TEST(Generate, SaysWhatIsWrong) {
  const auto engine = load(oracle + ".gguf");
  Sequence sequence = engine->make_sequence(4).take();
  const auto message = [&](std::vector<uint32_t> prompt, SamplerOptions sampling = {}) {
    GenerateOptions options;
    options.sampling = sampling;
    const Expected<Generation> result = generate(*engine, sequence, prompt, options);
    return result ? std::string("accepted") : result.error().text();
  };
  EXPECT_NE(message({}).find("prompt is empty"), std::string::npos);
  EXPECT_NE(message({640}).find("token 0 is 640, but the vocabulary has only 640"), std::string::npos);
  EXPECT_NE(message({1, 2, 3, 4, 5}).find("5 tokens, but the context holds 4"), std::string::npos);
  SamplerOptions bad;
  bad.temperature = -1;
  EXPECT_NE(message({1}, bad), "accepted");
}

TEST(Generate, StopsWhereTheContextIsFull) {
  const auto engine = load(oracle + ".gguf");
  Sequence sequence = engine->make_sequence(6).take();
  GenerateOptions options;
  options.stop_at_end = false;
  const Expected<Generation> result = generate(*engine, sequence, std::vector<uint32_t>{1, 2, 3, 4}, options);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->reason, StopReason::context_full);
  // The last token needs no place: nothing is computed after it.
  EXPECT_EQ(result->tokens.size(), 3u);
}

}  // namespace
}  // namespace tern::runtime

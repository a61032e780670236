#include "runtime/generate/generate.h"

#include <gtest/gtest.h>

#include "tests/runtime/generate/small_engine.h"

namespace tern::runtime {
namespace {

std::vector<uint32_t> long_prompt() {
  std::vector<uint32_t> prompt;
  for (uint32_t i = 0; i < 300; ++i) prompt.push_back(i * 7 % 256);
  return prompt;
}

// Steps of a prompt are asked about, and their sizes change no token.
TEST(Generate, PromptsAreReadInSteps) {
  const std::unique_ptr<Engine> engine = small_engine(1, CacheElement::f16, 256);
  const std::vector<uint32_t> prompt = long_prompt();
  GenerateOptions options{.max_tokens = 6};
  Sequence whole = engine->make_sequence(400).take(), stepped = engine->make_sequence(400).take();
  const auto expected = generate(*engine, whole, prompt, options);
  ASSERT_TRUE(expected) << expected.error().text();
  std::vector<size_t> asked;
  options.on_prompt = [&](size_t done) {
    asked.push_back(done);
    return true;
  };
  const auto found = generate(*engine, stepped, prompt, options);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tokens, expected->tokens);
  ASSERT_FALSE(asked.empty());
  EXPECT_EQ(asked.front(), 64u);
  EXPECT_LT(asked.back(), prompt.size());
}

TEST(Generate, PromptsCanBeInterrupted) {
  const std::unique_ptr<Engine> engine = small_engine(1, CacheElement::f16, 256);
  GenerateOptions options{.max_tokens = 6};
  options.on_prompt = [](size_t) { return false; };
  Sequence sequence = engine->make_sequence(400).take();
  const auto found = generate(*engine, sequence, long_prompt(), options);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reason, StopReason::interrupted);
  EXPECT_TRUE(found->tokens.empty());
  EXPECT_EQ(sequence.length(), 64u);
}

}  // namespace
}  // namespace tern::runtime

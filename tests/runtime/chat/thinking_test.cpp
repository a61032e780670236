// Thoughts are told from answers wherever the text is cut.
#include "runtime/chat/thinking.h"

#include <gtest/gtest.h>

namespace tern::runtime {
namespace {

struct Told {
  std::string thought, answer;
  bool operator==(const Told&) const = default;
};

Told told(std::string_view text, size_t piece, bool begins_inside) {
  ThinkingSplitter splitter(begins_inside);
  Told all;
  const auto take = [&](const std::vector<ThoughtPart>& parts) {
    for (const ThoughtPart& part : parts) (part.thought ? all.thought : all.answer) += part.text;
  };
  for (size_t at = 0; at < text.size(); at += piece) take(splitter.push(text.substr(at, piece)));
  take(splitter.flush());
  return all;
}

TEST(ThinkingTest, IsSplitTheSameWhereverTheTextIsCut) {
  const struct {
    const char* text;
    bool inside;
    Told expected;
  } cases[] = {
      {"<think>\na b\n\nc\n</think>\n\nYes.\n", false, {"a b\n\nc", "Yes.\n"}},
      {"a b\n</think>\n\nYes", true, {"a b", "Yes"}},
      {"no thought < here <thin", false, {"", "no thought < here <thin"}},
      {"<think>\n\n</think>\n\nYes", false, {"", "Yes"}},
      {"<think>it never ends </th", false, {"it never ends </th", ""}},
      {"one <think>two</think> three", false, {"two", "one three"}},
  };
  for (const auto& c : cases) {
    for (size_t piece = 1; piece <= 40; ++piece)
      EXPECT_EQ(told(c.text, piece, c.inside), c.expected) << c.text;
  }
}

TEST(ThinkingTest, APromptMayOpenTheThought) {
  EXPECT_TRUE(opens_thought("<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(opens_thought("<|im_start|>assistant\n<think>\n\n</think>\n\n"));
  EXPECT_FALSE(opens_thought(""));
}

}  // namespace
}  // namespace tern::runtime

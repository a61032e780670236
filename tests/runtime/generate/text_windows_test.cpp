#include "runtime/generate/text_windows.h"

#include <gmock/gmock.h>

#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<TextWindow> plan(size_t tokens, WindowMethod method, size_t context, size_t stride = 0,
                             bool beginning = true, size_t most = 0) {
  const auto windows = plan_windows(tokens, {method, context, stride, most}, beginning);
  EXPECT_TRUE(windows) << windows.error().text();
  return windows ? *windows : std::vector<TextWindow>();
}

std::string refusal(size_t tokens, WindowMethod method, size_t context, size_t stride = 0) {
  const auto windows = plan_windows(tokens, {method, context, stride, 0}, false);
  return windows ? std::string() : windows.error().message;
}

TEST(TextWindows, RunsScoreEachTokenOnce) {
  EXPECT_THAT(plan(7, WindowMethod::runs, 4),
              ElementsAre(TextWindow{0, 3, 0}, TextWindow{3, 6, 3}, TextWindow{6, 7, 6}));
  // Without a token in front the first of each window is not scored, and a rest of one is none.
  EXPECT_THAT(plan(7, WindowMethod::runs, 4, 0, false),
              ElementsAre(TextWindow{0, 3, 1}, TextWindow{3, 6, 4}));
}

TEST(TextWindows, HalvesScoreTheLatterHalf) {
  EXPECT_THAT(plan(11, WindowMethod::halves, 5), ElementsAre(TextWindow{0, 5, 3}, TextWindow{5, 10, 8}));
  EXPECT_THAT(plan(8, WindowMethod::halves, 8), ElementsAre(TextWindow{0, 8, 5}));
}

TEST(TextWindows, StridedScoresTheLastOfEach) {
  // llama-perplexity's number of windows: (tokens - context + stride - 1) / stride.
  EXPECT_THAT(plan(11, WindowMethod::strided, 6, 2),
              ElementsAre(TextWindow{0, 6, 4}, TextWindow{2, 8, 6}, TextWindow{4, 10, 8}));
  EXPECT_THAT(plan(12, WindowMethod::strided, 6, 3), ElementsAre(TextWindow{0, 6, 3}, TextWindow{3, 9, 6}));
  EXPECT_EQ(plan(12, WindowMethod::strided, 6), plan(12, WindowMethod::strided, 6, 3));
}

TEST(TextWindows, SlidingScoresWhatIsNew) {
  EXPECT_THAT(
      plan(11, WindowMethod::sliding, 6, 2),
      ElementsAre(TextWindow{0, 6, 1}, TextWindow{2, 8, 6}, TextWindow{4, 10, 8}, TextWindow{6, 11, 10}));
  EXPECT_THAT(plan(6, WindowMethod::sliding, 6, 2), ElementsAre(TextWindow{0, 6, 1}));
  // With the stride of a window its first token follows nothing.
  EXPECT_THAT(plan(9, WindowMethod::sliding, 4, 4), ElementsAre(TextWindow{0, 4, 1}, TextWindow{4, 8, 5}));
}

TEST(TextWindows, TheFirstWindowsAlone) {
  EXPECT_THAT(plan(7, WindowMethod::runs, 4, 0, true, 2),
              ElementsAre(TextWindow{0, 3, 0}, TextWindow{3, 6, 3}));
  EXPECT_EQ(plan(7, WindowMethod::runs, 4, 0, true, 9).size(), 3u);
}

TEST(TextWindows, SaysWhatCannotBe) {
  EXPECT_THAT(refusal(9, WindowMethod::runs, 1), HasSubstr("at least 2 tokens"));
  EXPECT_THAT(refusal(9, WindowMethod::halves, 2), HasSubstr("at least 3 tokens"));
  EXPECT_THAT(refusal(9, WindowMethod::strided, 4, 4), HasSubstr("3 at most"));
  EXPECT_THAT(refusal(9, WindowMethod::sliding, 4, 5), HasSubstr("4 at most"));
  EXPECT_THAT(refusal(7, WindowMethod::halves, 8), HasSubstr("the text has 7 tokens, too few"));
  EXPECT_THAT(refusal(8, WindowMethod::strided, 8), HasSubstr("too few"));
  EXPECT_THAT(refusal(1, WindowMethod::runs, 8), HasSubstr("the text has 1 token, too few"));
  EXPECT_THAT(refusal(1, WindowMethod::sliding, 8), HasSubstr("too few"));
  EXPECT_THAT(refusal(0, WindowMethod::runs, 8), HasSubstr("too few"));
}

TEST(TextWindows, MethodsHaveNames) {
  EXPECT_EQ(find_window_method("strided"), WindowMethod::strided);
  EXPECT_EQ(find_window_method("stride"), std::nullopt);
}

// The 256 bytes, without merges: a token is a byte. 256 begins a text.
Tokenizer bytes(bool adds_beginning) {
  Vocabulary vocabulary = byte_level_vocabulary(0);
  vocabulary.beginning_of_text = 256;
  vocabulary.add_beginning_of_text = adds_beginning;
  return Tokenizer::make(vocabulary).take();
}

std::vector<uint32_t> first_window(const Tokenizer& tokenizer, WindowMethod method, size_t window) {
  const auto cut = cut_text(tokenizer, "abcdefgh", {method, 4, 2, 0});
  EXPECT_TRUE(cut) << cut.error().text();
  EXPECT_EQ(cut->text_tokens, 8u);
  std::vector<uint32_t> tokens = window_tokens(*cut, window).tokens;
  tokens.push_back(static_cast<uint32_t>(window_tokens(*cut, window).first_scored));
  return tokens;
}

TEST(TextWindows, WhereTheBeginningOfTextStands) {
  const Tokenizer with = bytes(true), without = bytes(false);
  // The last number is the index of the first token that is scored.
  EXPECT_THAT(first_window(with, WindowMethod::runs, 1), ElementsAre(256, 'd', 'e', 'f', 1));
  EXPECT_THAT(first_window(without, WindowMethod::runs, 1), ElementsAre(256, 'd', 'e', 'f', 1));
  EXPECT_THAT(first_window(with, WindowMethod::halves, 0), ElementsAre(256, 'a', 'b', 'c', 3));
  EXPECT_THAT(first_window(with, WindowMethod::halves, 1), ElementsAre(256, 'e', 'f', 'g', 3));
  EXPECT_THAT(first_window(without, WindowMethod::halves, 1), ElementsAre('e', 'f', 'g', 'h', 3));
  EXPECT_THAT(first_window(with, WindowMethod::strided, 1), ElementsAre(256, 'c', 'd', 'e', 2));
  EXPECT_THAT(first_window(without, WindowMethod::strided, 1), ElementsAre('c', 'd', 'e', 'f', 2));
  EXPECT_THAT(first_window(with, WindowMethod::sliding, 0), ElementsAre(256, 'a', 'b', 'c', 1));
  EXPECT_THAT(first_window(with, WindowMethod::sliding, 1), ElementsAre('b', 'c', 'd', 'e', 2));
  EXPECT_THAT(first_window(without, WindowMethod::sliding, 0), ElementsAre('a', 'b', 'c', 'd', 1));
}

}  // namespace
}  // namespace tern::runtime

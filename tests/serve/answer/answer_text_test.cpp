#include "serve/answer/answer_text.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace tern::serve {
namespace {

using runtime::ThoughtPart;

struct Texts {
  std::string content, thought;
  bool stopped = false;
  std::string stop_string;
};

// The answer to `text`, of which `size` bytes arrive at a time; each piece is whole characters.
Texts told(const std::string& text, size_t size, const TextOptions& options) {
  AnswerText answer(options);
  Texts texts;
  const auto take = [&](const std::vector<ThoughtPart>& parts) {
    for (const ThoughtPart& part : parts) {
      EXPECT_EQ(utf8_valid_prefix(part.text), part.text.size()) << part.text;
      (part.thought ? texts.thought : texts.content) += part.text;
    }
  };
  for (size_t at = 0; at < text.size() && !answer.stopped(); at += size)
    take(answer.push(text.substr(at, size)));
  take(answer.flush());
  texts.stopped = answer.stopped();
  if (texts.stopped) texts.stop_string = answer.stop_string();
  return texts;
}

TEST(AnswerText, GivesWholeCharactersHoweverTheBytesArrive) {
  const std::string text =
      "ein h\xc3\xbc"
      "bsches \xe2\x82\xac, \xf0\x9f\x8c\xb3.";
  for (size_t size = 1; size < 12; ++size) EXPECT_EQ(told(text, size, {}).content, text) << size;
  EXPECT_EQ(told("a\xe2\x82", 1, {}).content, "a\xef\xbf\xbd") << "a character that never ends";
  EXPECT_EQ(told("a\xff"
                 "b",
                 1, {})
                .content,
            "a\xef\xbf\xbd"
            "b");
}

TEST(AnswerText, EndsBeforeTheStopStringThatIsCompleteFirst) {
  const TextOptions options{.stop_strings = {"END", "EN\xc3\xa4", "stop"}};
  for (size_t size = 1; size < 9; ++size) {
    const Texts texts = told("one EN two E END three stop", size, options);
    EXPECT_EQ(texts.content, "one EN two E ") << size;
    EXPECT_EQ(texts.stop_string, "END");
    EXPECT_EQ(told("one EN", size, options).content, "one EN");
    EXPECT_FALSE(told("one EN", size, options).stopped);
  }
}

TEST(AnswerText, TellsThoughtsFromTheAnswer) {
  for (size_t size = 1; size < 12; ++size) {
    const Texts split = told("<think>\nhm\n</think>\n\nYes.", size, {.splits_thoughts = true});
    EXPECT_EQ(split.thought, "hm");
    EXPECT_EQ(split.content, "Yes.");
    const Texts opened =
        told("hm\n</think>\n\nYes.", size, {.splits_thoughts = true, .begins_inside_thought = true});
    EXPECT_EQ(opened.thought, "hm");
    EXPECT_EQ(opened.content, "Yes.");
    EXPECT_EQ(told("<think>a</think>b", size, {}).content, "<think>a</think>b");
  }
}

}  // namespace
}  // namespace tern::serve

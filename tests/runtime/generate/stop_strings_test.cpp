#include "runtime/generate/stop_strings.h"

#include <gtest/gtest.h>

#include <random>

namespace tern::runtime {
namespace {

std::string shown(const std::string& text, std::vector<std::string> strings, size_t piece) {
  StopStrings stops(std::move(strings));
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += stops.push(text.substr(at, piece));
  return out + stops.flush();
}

TEST(StopStringsTest, TheTextEndsBeforeTheFirst) {
  for (const size_t piece : {1, 2, 3, 100}) {
    EXPECT_EQ(shown("one two three", {"two"}, piece), "one ");
    EXPECT_EQ(shown("one two three", {"four"}, piece), "one two three");
    EXPECT_EQ(shown("one two three", {}, piece), "one two three");
    EXPECT_EQ(shown("one two three", {""}, piece), "one two three");
    EXPECT_EQ(shown("one two three", {"one"}, piece), "");
    EXPECT_EQ(shown("aab", {"ab"}, piece), "a");
    EXPECT_EQ(shown("ababac", {"abac"}, piece), "ab");
    EXPECT_EQ(shown("abcd", {"abcd", "bc"}, piece), "a");  // "bc" is complete first
    EXPECT_EQ(shown("abcd", {"cd", "abcd"}, piece), "");   // both at once: the longest
    EXPECT_EQ(shown("tw", {"two"}, piece), "tw");          // never complete
  }
}

TEST(StopStringsTest, WhatMayBeginOneIsHeldBack) {
  StopStrings stops({"\n\nUser:"});
  EXPECT_EQ(stops.push("Yes.\n"), "Yes.");
  EXPECT_EQ(stops.push("\nUse"), "");
  EXPECT_EQ(stops.push(" it"), "\n\nUse it");
  EXPECT_EQ(stops.push("\n\nUser: no"), "");
  EXPECT_TRUE(stops.stopped());
  EXPECT_EQ(stops.push("more"), "");
  EXPECT_EQ(stops.flush(), "");
}

// Against a search that is too simple to be wrong, with texts of two letters.
TEST(StopStringsTest, PiecesDoNotMatter) {
  std::mt19937 random(3);
  const auto letters = [&](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    const std::string text = letters(20);
    const std::vector<std::string> strings = {letters(2 + random() % 5), letters(3 + random() % 5)};
    std::string expected = text;
    for (size_t end = 1; end <= text.size() && expected == text; ++end) {
      for (const std::string& stop : strings) {
        if (text.substr(0, end).ends_with(stop) && end - stop.size() < expected.size())
          expected = text.substr(0, end - stop.size());
      }
    }
    ASSERT_EQ(shown(text, strings, 1 + random() % 4), expected) << text << strings[0] << strings[1];
  }
}

}  // namespace
}  // namespace tern::runtime

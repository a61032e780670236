#include "runtime/text/special_tokens.h"

#include <gtest/gtest.h>

#include <random>

namespace tern::runtime {
namespace {

TEST(SpecialTokens, FindsTheFirstPlaceAndThereTheLongest) {
  const SpecialTokens tokens({{"<a>", 1}, {"<a><b>", 2}, {"<b>", 3}, {"", 4}, {"<a", 5}});
  const auto first = tokens.find("x<a><b><b>", 0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->begin, 1u);
  EXPECT_EQ(first->length, 6u);
  EXPECT_EQ(first->token, 2u);
  EXPECT_EQ(tokens.find("x<a><b><b>", 7)->token, 3u);
  EXPECT_EQ(tokens.find("<a><", 0)->token, 1u);
  EXPECT_EQ(tokens.find("<a ", 0)->token, 5u);
  EXPECT_FALSE(tokens.find("a> b>", 0));
  EXPECT_FALSE(tokens.find("", 0));
}

TEST(SpecialTokens, OfEqualTextsTheLowestIdStays) {
  EXPECT_EQ(SpecialTokens({{"x", 9}, {"x", 7}, {"x", 8}}).find("x", 0)->token, 7u);
}

TEST(SpecialTokens, AgreesWithTryingEachOne) {
  std::mt19937 random(5);
  const auto word = [&](size_t longest) {
    std::string text(1 + random() % longest, ' ');
    for (char& c : text) c = "a\x80\xff"[random() % 3];
    return text;
  };
  for (int i = 0; i < 500; ++i) {
    std::vector<SpecialTokens::Entry> entries;
    for (uint32_t token = 0; token < 8; ++token) entries.push_back({word(4), token});
    const SpecialTokens tokens(entries);
    const std::string text = word(30);
    for (size_t begin = 0; begin < text.size(); ++begin) {
      size_t longest = 0;
      for (const auto& entry : entries) {
        if (text.compare(begin, entry.text.size(), entry.text) == 0)
          longest = std::max(longest, entry.text.size());
      }
      const auto match = tokens.find(text, begin);
      if (longest > 0) {
        ASSERT_TRUE(match);
        EXPECT_EQ(match->begin, begin);
        EXPECT_EQ(match->length, longest);
        EXPECT_EQ(text.substr(begin, longest), entries[match->token].text);
      } else if (match) {
        EXPECT_GT(match->begin, begin);
      }
    }
  }
}

}  // namespace
}  // namespace tern::runtime

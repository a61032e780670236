#include "runtime/text/merge_queue.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <random>
#include <string>

namespace tern::runtime {
namespace {

using Ranks = std::map<std::string, uint32_t>;

// The definition: look at all pairs, join the best, begin again.
std::vector<std::string> merge_naively(const std::string& text, const Ranks& ranks) {
  std::vector<std::string> symbols;
  for (const char c : text) symbols.emplace_back(1, c);
  while (true) {
    size_t best = symbols.size();
    uint32_t best_rank = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find(symbols[i] + symbols[i + 1]);
      if (found == ranks.end() || (best < symbols.size() && found->second >= best_rank)) continue;
      best = i;
      best_rank = found->second;
    }
    if (best == symbols.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

std::vector<std::string> merge_by_queue(const std::string& text, const Ranks& ranks, MergeQueue& queue) {
  queue.clear();
  for (size_t i = 0; i < text.size(); ++i) queue.append(1, no_token);
  queue.merge([&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const auto found = ranks.find(text.substr(left.begin, left.length + right.length));
    if (found == ranks.end()) return std::nullopt;
    return Merge{found->second, found->second};
  });
  std::vector<std::string> symbols;
  queue.for_each([&](const Symbol& symbol) {
    symbols.push_back(text.substr(symbol.begin, symbol.length));
    const auto rank = ranks.find(symbols.back());
    EXPECT_EQ(symbol.token, symbol.length == 1 ? no_token : rank->second);
  });
  return symbols;
}

std::string random_word(std::mt19937& random, size_t longest) {
  std::string word(1 + random() % longest, ' ');
  for (char& c : word) c = static_cast<char>('a' + random() % 3);
  return word;
}

// With few letters and few ranks there are many ties, overlaps and merges that a later one makes possible.
TEST(MergeQueue, JoinsAsTheNaiveAlgorithmDoes) {
  std::mt19937 random(3);
  MergeQueue queue;
  size_t joined = 0;
  for (int i = 0; i < 3000; ++i) {
    Ranks ranks;
    const size_t count = random() % 30;
    for (size_t r = 0; r < count; ++r) {
      const std::string word = random_word(random, 5);
      if (word.size() > 1) ranks[word] = static_cast<uint32_t>(random() % 10);
    }
    const std::string text = random_word(random, 60);
    const auto expected = merge_naively(text, ranks);
    ASSERT_EQ(merge_by_queue(text, ranks, queue), expected) << text;
    joined += text.size() - expected.size();
  }
  EXPECT_GT(joined, 10000u);
}

TEST(MergeQueue, EmptyAndSingleSymbols) {
  MergeQueue queue;
  EXPECT_TRUE(merge_by_queue("", {{"ab", 0}}, queue).empty());
  EXPECT_EQ(merge_by_queue("a", {{"ab", 0}}, queue), std::vector<std::string>{"a"});
}

// A megabyte of one letter, whose tokens are its powers of two: the worst that a text can ask for.
TEST(MergeQueue, LooksUpLessThanThreePairsASymbol) {
  constexpr size_t size = 1 << 20;
  MergeQueue queue;
  for (size_t i = 0; i < size; ++i) queue.append(1, no_token);
  size_t look_ups = 0;
  queue.merge([&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    ++look_ups;
    const size_t length = left.length + right.length;
    if (!std::has_single_bit(length) || left.length != right.length) return std::nullopt;
    return Merge{static_cast<uint32_t>(std::countr_zero(length)), static_cast<uint32_t>(length)};
  });
  EXPECT_LT(look_ups, 3 * size);
  size_t symbols = 0;
  queue.for_each([&](const Symbol& symbol) {
    ++symbols;
    EXPECT_EQ(symbol.length, size);
  });
  EXPECT_EQ(symbols, 1u);
}

}  // namespace
}  // namespace tern::runtime

#include "runtime/sequence/sequence.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace tern::runtime {
namespace {

constexpr PageShape small{.layers = 1, .kv_heads = 1, .head_dimension = 16, .positions = 32};

std::shared_ptr<PagePool> pool_of(size_t pages) {
  return PagePool::make(small, pages).take();
}

std::vector<uint32_t> numbers(size_t count, uint32_t first = 0) {
  std::vector<uint32_t> all(count);
  std::iota(all.begin(), all.end(), first);
  return all;
}

// Writes `mark` where the key of a position begins.
void mark(const Sequence& sequence, size_t position, std::byte value) {
  sequence.pages()[position / 32][position % 32] = value;
}
std::byte mark_of(const Sequence& sequence, size_t position) {
  return sequence.pages()[position / 32][position % 32];
}

void append(Sequence& sequence, const std::vector<uint32_t>& tokens, std::byte value) {
  const Status status = sequence.reserve(tokens.size());
  ASSERT_TRUE(status) << status.error().text();
  for (size_t i = 0; i < tokens.size(); ++i) mark(sequence, sequence.length() + i, value);
  sequence.extend(tokens);
}

TEST(Sequence, TakesPagesAsItGrowsAndGivesThemBack) {
  const auto pool = pool_of(4);
  Sequence sequence(pool, 100);
  EXPECT_EQ(pool->free_pages(), 4u);
  append(sequence, numbers(32), std::byte{1});
  EXPECT_EQ(pool->free_pages(), 3u);
  append(sequence, numbers(1, 32), std::byte{1});
  append(sequence, numbers(40, 33), std::byte{1});
  EXPECT_EQ(pool->free_pages(), 1u);
  EXPECT_EQ(sequence.length(), 73u);
  EXPECT_TRUE(std::ranges::equal(sequence.tokens(), numbers(73)));
  sequence.truncate(33);
  EXPECT_EQ(pool->free_pages(), 2u);
  sequence.truncate(32);
  EXPECT_EQ(pool->free_pages(), 3u);
  EXPECT_TRUE(std::ranges::equal(sequence.tokens(), numbers(32)));
  sequence.truncate(0);
  EXPECT_EQ(pool->free_pages(), 4u);
}

TEST(Sequence, SaysWhatIsFullAndStaysAsItWas) {
  const auto pool = pool_of(2);
  Sequence sequence(pool, 100), other(pool, 50);
  append(sequence, numbers(10), std::byte{1});
  const Status beyond_pool = sequence.reserve(60);
  ASSERT_FALSE(beyond_pool);
  EXPECT_EQ(beyond_pool.error().message, "all 2 pages of keys and values are in use");
  EXPECT_EQ(pool->free_pages(), 1u);
  EXPECT_TRUE(sequence.reserve(54));
  EXPECT_FALSE(other.reserve(1));
  const Status beyond_capacity = other.reserve(51);
  ASSERT_FALSE(beyond_capacity);
  EXPECT_EQ(beyond_capacity.error().message,
            "there is room for 50 more tokens of a context of 50, not for 51");
  EXPECT_FALSE(other.reserve(SIZE_MAX));
  sequence.truncate(0);
  EXPECT_TRUE(other.reserve(50));
}

TEST(Sequence, ForksSharePagesUntilTheyWrite) {
  const auto pool = pool_of(6);
  Sequence first(pool, 100);
  append(first, numbers(40), std::byte{1});
  Sequence second = first.fork(40).take(), third = first.fork(32).take(), fourth = first.fork(5).take();
  EXPECT_EQ(pool->free_pages(), 4u);
  EXPECT_TRUE(std::ranges::equal(third.tokens(), numbers(32)));

  // A shared page that is partly filled is copied for the sequence that writes to it; a full one never is.
  append(second, numbers(3, 100), std::byte{2});
  EXPECT_EQ(pool->free_pages(), 3u);
  EXPECT_EQ(second.pages()[0], first.pages()[0]);
  EXPECT_NE(second.pages()[1], first.pages()[1]);
  EXPECT_EQ(mark_of(second, 39), std::byte{1});
  EXPECT_EQ(mark_of(second, 40), std::byte{2});
  const std::byte* own = first.pages()[1];
  append(first, numbers(3, 200), std::byte{3});
  EXPECT_EQ(first.pages()[1], own);
  EXPECT_EQ(pool->free_pages(), 3u);
  EXPECT_EQ(mark_of(second, 40), std::byte{2});

  // Where the prefix ends with a page, nothing is copied; where it ends within, the page is.
  append(third, numbers(1, 300), std::byte{4});
  EXPECT_EQ(third.pages()[0], first.pages()[0]);
  EXPECT_EQ(pool->free_pages(), 2u);
  append(fourth, numbers(1, 400), std::byte{5});
  EXPECT_NE(fourth.pages()[0], first.pages()[0]);
  EXPECT_EQ(mark_of(first, 5), std::byte{1});
  EXPECT_EQ(mark_of(fourth, 4), std::byte{1});
  EXPECT_EQ(pool->free_pages(), 1u);
}

TEST(Sequence, TruncatingASharedPageLeavesTheOtherItsTokens) {
  const auto pool = pool_of(4);
  Sequence first(pool, 100);
  append(first, numbers(20), std::byte{1});
  const Sequence second = first.fork(20).take();
  first.truncate(10);
  append(first, numbers(5, 50), std::byte{2});
  EXPECT_EQ(mark_of(second, 12), std::byte{1});
  EXPECT_EQ(mark_of(first, 12), std::byte{2});
  EXPECT_EQ(mark_of(first, 9), std::byte{1});
}

TEST(Sequence, ACopyThatHasNoPageIsAnError) {
  const auto pool = pool_of(1);
  Sequence first(pool, 32);
  append(first, numbers(20), std::byte{1});
  Sequence second = first.fork(20).take();
  EXPECT_FALSE(second.reserve(1));
  EXPECT_TRUE(second.reserve(0));
  EXPECT_EQ(second.pages()[0], first.pages()[0]);
  first = Sequence(pool, 32);
  EXPECT_TRUE(second.reserve(1));
}

// Appends tokens, as a model would whose state counts them in each of its numbers.
void remember(Sequence& sequence, size_t tokens) {
  append(sequence, numbers(tokens), std::byte{1});
  for (float& number : sequence.state()) number += static_cast<float>(tokens);
}

TEST(Sequence, ARecurrentStateGoesBackToCheckpoints) {
  const auto pool = PagePool::make(small, 4, 3).take();
  Sequence sequence(pool, 100);
  EXPECT_TRUE(sequence.is_recurrent());
  EXPECT_TRUE(sequence.checkpoint());  // of nothing
  remember(sequence, 10);
  ASSERT_EQ(sequence.state().size(), 3u);
  ASSERT_TRUE(sequence.checkpoint());
  remember(sequence, 20);
  ASSERT_TRUE(sequence.checkpoint());
  remember(sequence, 5);
  EXPECT_EQ(sequence.reachable(35), 35u);
  EXPECT_EQ(sequence.reachable(34), 30u);
  EXPECT_EQ(sequence.reachable(29), 10u);
  EXPECT_EQ(sequence.reachable(9), 0u);
  sequence.truncate(35);
  EXPECT_EQ(sequence.state()[2], 35);
  sequence.truncate(33);
  EXPECT_EQ(sequence.length(), 30u);
  EXPECT_EQ(sequence.state()[2], 30);
  remember(sequence, 1);
  sequence.truncate(29);
  EXPECT_EQ(sequence.length(), 10u);
  EXPECT_EQ(sequence.state()[0], 10);
  remember(sequence, 25);
  sequence.truncate(30);  // the checkpoint of the text before is gone
  EXPECT_EQ(sequence.length(), 10u);
  remember(sequence, 1);
  sequence.truncate(3);
  EXPECT_EQ(sequence.length(), 0u);
  EXPECT_EQ(pool->free_pages(), 4u);
  remember(sequence, 2);
  EXPECT_EQ(sequence.state()[1], 2);
}

TEST(Sequence, ForksCopyARecurrentState) {
  Sequence first(PagePool::make(small, 8, 2).take(), 100);
  remember(first, 7);
  ASSERT_TRUE(first.checkpoint());
  remember(first, 7);
  Sequence second = first.fork(14).take(), third = first.fork(7).take(), fourth = first.fork(0).take();
  remember(second, 1);
  remember(third, 2);
  remember(fourth, 3);
  EXPECT_EQ(first.state()[0], 14);
  EXPECT_EQ(second.state()[0], 15);
  EXPECT_EQ(third.state()[1], 9);
  EXPECT_EQ(fourth.state()[1], 3);
  EXPECT_EQ(first.fork(9).error().message,
            "a recurrent state of 14 tokens cannot be cut to 9: the last checkpoint before has 7");
}

TEST(Sequence, KeepsTheLastCheckpoints) {
  Sequence sequence(PagePool::make(small, 4, 1).take(), 100);
  for (int i = 0; i < 6; ++i) {
    remember(sequence, 1);
    ASSERT_TRUE(sequence.checkpoint());
    ASSERT_TRUE(sequence.checkpoint());  // the same
  }
  remember(sequence, 1);
  EXPECT_EQ(sequence.reachable(6), 6u);
  EXPECT_EQ(sequence.reachable(3), 3u);
  EXPECT_EQ(sequence.reachable(2), 0u);
  sequence.truncate(4);
  EXPECT_EQ(sequence.state()[0], 4);
}

TEST(Sequence, KeepsItsPoolAlive) {
  Sequence sequence(pool_of(1), 32);
  append(sequence, numbers(3), std::byte{1});
  sequence = Sequence(pool_of(2), 64);
  append(sequence, numbers(40), std::byte{1});
  const Sequence moved = std::move(sequence);
  EXPECT_EQ(moved.length(), 40u);
}

}  // namespace
}  // namespace tern::runtime

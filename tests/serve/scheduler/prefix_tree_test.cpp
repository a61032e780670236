#include "serve/scheduler/prefix_tree.h"

#include <gtest/gtest.h>

#include <numeric>

namespace tern::serve {
namespace {

using runtime::PageReference;

constexpr runtime::PageShape shape{.layers = 1, .kv_heads = 1, .head_dimension = 16, .positions = 32};

std::vector<uint32_t> numbers(uint32_t first, size_t count) {
  std::vector<uint32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

struct Tree : testing::Test {
  std::vector<PageReference> fresh(size_t count) {
    std::vector<PageReference> pages;
    for (size_t i = 0; i < count; ++i) pages.push_back(pool->allocate().take());
    return pages;
  }
  // Inserts pages that nobody but the tree keeps, and says where they lie.
  std::vector<std::byte*> keep(const std::vector<uint32_t>& tokens) {
    const std::vector<PageReference> pages = fresh(tokens.size() / 32);
    tree.insert(tokens, pages);
    return places(tree.find(tokens));
  }
  static std::vector<std::byte*> places(const std::vector<PageReference>& pages) {
    std::vector<std::byte*> found;
    for (const PageReference& page : pages) found.push_back(page.data());
    return found;
  }

  std::shared_ptr<runtime::PagePool> pool = runtime::PagePool::make(shape, 16).take();
  PrefixTree tree{32};
};

TEST_F(Tree, FindsTheWholePagesThatATextBeginsWith) {
  const auto kept = keep(numbers(0, 96));
  EXPECT_EQ(kept.size(), 3u);
  EXPECT_EQ(places(tree.find(numbers(0, 95))), std::vector(kept.begin(), kept.begin() + 2));
  EXPECT_EQ(places(tree.find(numbers(0, 1000))), kept);
  EXPECT_TRUE(tree.find(numbers(0, 31)).empty());
  EXPECT_TRUE(tree.find(numbers(1, 96)).empty());
  EXPECT_TRUE(tree.find(numbers(32, 32)).empty()) << "the same tokens as page 1, but nothing before them";
}

TEST_F(Tree, TextsPartWhereTheirTokensDo) {
  std::vector<uint32_t> other = numbers(0, 96);
  other[40] = 7;
  const auto one = keep(numbers(0, 96)), two = keep(other);
  EXPECT_EQ(one[0], two[0]);
  EXPECT_NE(one[1], two[1]);
  EXPECT_NE(one[2], two[2]);
  EXPECT_EQ(tree.pages(), 5u);
  EXPECT_EQ(pool->free_pages(), 11u) << "the second text's own first page went back";
}

TEST_F(Tree, GivesBackWhatWasUsedLeastRecently) {
  keep(numbers(0, 64));
  keep(numbers(1000, 64));
  keep(numbers(2000, 32));
  tree.find(numbers(0, 64));
  EXPECT_TRUE(tree.evict());  // the end of the second text
  EXPECT_EQ(tree.find(numbers(1000, 64)).size(), 1u);
  EXPECT_TRUE(tree.evict());
  EXPECT_TRUE(tree.find(numbers(2000, 32)).empty());
  EXPECT_TRUE(tree.evict());
  EXPECT_EQ(tree.find(numbers(0, 64)).size(), 1u) << "its last page first";
  EXPECT_TRUE(tree.evict());
  EXPECT_TRUE(tree.evict());
  EXPECT_FALSE(tree.evict());
  EXPECT_EQ(tree.pages(), 0u);
  EXPECT_EQ(pool->free_pages(), 16u);
}

TEST_F(Tree, KeepsWhatSomebodyShares) {
  keep(numbers(0, 64));
  const std::vector<PageReference> shared = tree.find(numbers(0, 64));
  keep(numbers(1000, 32));
  EXPECT_TRUE(tree.evict());
  EXPECT_FALSE(tree.evict());
  EXPECT_EQ(places(tree.find(numbers(0, 64))), places(shared));
}

}  // namespace
}  // namespace tern::serve

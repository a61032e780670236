#include "runtime/sequence/page_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <optional>
#include <set>

namespace tern::runtime {
namespace {

constexpr PageShape small{.layers = 2, .kv_heads = 3, .head_dimension = 16, .positions = 32};

TEST(PagePool, PagesComeBackWithTheirLastReference) {
  const std::shared_ptr<PagePool> pool = PagePool::make(small, 2).take();
  EXPECT_EQ(pool->pages(), 2u);
  EXPECT_EQ(pool->bytes(), 2 * page_bytes(small));
  std::optional<PageReference> first = pool->allocate().take(), second = pool->allocate().take();
  EXPECT_EQ(pool->free_pages(), 0u);
  const Expected<PageReference> none = pool->allocate();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "all 2 pages of keys and values are in use");

  std::optional<PageReference> copy = first;
  EXPECT_EQ(copy->data(), first->data());
  EXPECT_TRUE(first->is_shared());
  EXPECT_FALSE(second->is_shared());
  first.reset();
  EXPECT_EQ(pool->free_pages(), 0u);
  EXPECT_FALSE(copy->is_shared());
  std::optional<PageReference> moved = std::move(*copy);
  copy.reset();
  EXPECT_EQ(pool->free_pages(), 0u);
  *moved = *second;  // the last share of the page that it had
  EXPECT_EQ(pool->free_pages(), 1u);
  second.reset();
  moved.reset();
  EXPECT_EQ(pool->free_pages(), 2u);
}

TEST(PagePool, PagesDoNotOverlap) {
  const std::shared_ptr<PagePool> pool = PagePool::make(small, 5).take();
  std::vector<PageReference> pages;
  std::set<std::byte*> places;
  for (uint8_t page = 0; page < 5; ++page) {
    pages.push_back(pool->allocate().take());
    std::memset(pages.back().data(), page, page_bytes(small));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pages.back().data()) % 64, 0u);
  }
  for (uint8_t page = 0; page < 5; ++page) {
    EXPECT_EQ(pages[page].data()[0], std::byte{page});
    EXPECT_EQ(pages[page].data()[page_bytes(small) - 1], std::byte{page});
  }
}

TEST(PagePool, RefusesWhatCannotBe) {
  constexpr size_t huge = std::numeric_limits<size_t>::max();
  const auto message = [](const PageShape& shape, size_t pages) {
    const auto made = PagePool::make(shape, pages);
    return made ? std::string("made") : made.error().message;
  };
  EXPECT_EQ(message(small, 1), "made");
  for (const PageShape& shape : {PageShape{0, 5, 128}, PageShape{30, 0, 128}, PageShape{30, 5, 0}})
    EXPECT_EQ(message(shape, 1), "keys and values need at least one layer, head, dimension and page");
  EXPECT_EQ(message(small, 0), "keys and values need at least one layer, head, dimension and page");
  for (const size_t positions : {0, 1, 16, 33, 65})
    EXPECT_NE(message({1, 1, 16, positions}, 1).find("a multiple of 32 positions, not"), std::string::npos);
  for (const PageShape& shape :
       {PageShape{huge, 1, 1}, PageShape{1, huge / 64, 1}, PageShape{1, 1, huge}, PageShape{1, 1, huge / 2},
        PageShape{1u << 16, 1u << 16, 1u << 16}, PageShape{1, 1, 64, size_t{1} << 54}})
    EXPECT_NE(message(shape, 1).find("no memory for 1 pages"), std::string::npos);
  EXPECT_NE(message(small, huge).find("no memory for"), std::string::npos);
  EXPECT_NE(message(small, size_t{1} << 54).find("no memory for"), std::string::npos);
}

}  // namespace
}  // namespace tern::runtime

// Which numbers of rows have kernels, and which of them a step takes.
#include "kernels/row_buckets.h"

#include <gmock/gmock.h>

namespace tern::kernels {
namespace {

using ::testing::ElementsAre;

TEST(RowBuckets, AreThePowersOfTwoBelowTheMostAndThat) {
  EXPECT_THAT(RowBuckets::up_to(1).rows(), ElementsAre(1));
  EXPECT_THAT(RowBuckets::up_to(2).rows(), ElementsAre(1, 2));
  EXPECT_THAT(RowBuckets::up_to(7).rows(), ElementsAre(1, 2, 4, 7));
  EXPECT_THAT(RowBuckets::up_to(256).rows(), ElementsAre(1, 2, 4, 8, 16, 32, 64, 128, 256));
  EXPECT_THAT(RowBuckets::up_to(600).rows(), ElementsAre(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600));
}

TEST(RowBuckets, AStepTakesTheSmallestThatIsEnough) {
  const RowBuckets buckets({1, 4, 64});
  EXPECT_EQ(buckets.max(), 64);
  EXPECT_EQ(buckets.size(), 3u);
  const auto bucket_of = [&](int64_t rows) {
    return std::pair(buckets.index_for(rows), buckets.bucket_for(rows));
  };
  EXPECT_EQ(bucket_of(1), std::pair(size_t{0}, int64_t{1}));
  EXPECT_EQ(bucket_of(2), std::pair(size_t{1}, int64_t{4}));
  EXPECT_EQ(bucket_of(4), std::pair(size_t{1}, int64_t{4}));
  EXPECT_EQ(bucket_of(5), std::pair(size_t{2}, int64_t{64}));
  EXPECT_EQ(bucket_of(64), std::pair(size_t{2}, int64_t{64}));
}

}  // namespace
}  // namespace tern::kernels

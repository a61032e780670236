#include "ir/kernel/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/random_layout.h"

namespace tern::ir {
namespace {

using ::testing::IsEmpty;
using testing::Random;

const std::vector<Packing> every_packing = {Packing::b2,  Packing::b2_high_first, Packing::i8,
                                            Packing::f16, Packing::bf16,          Packing::f32};

// Checks that `positions` are all different and lie in 0..end-1.
void expect_injective(const std::vector<int64_t>& positions, int64_t end) {
  std::vector<bool> taken(end);
  for (const int64_t position : positions) {
    ASSERT_GE(position, 0);
    ASSERT_LT(position, end);
    ASSERT_FALSE(taken[position]) << "position " << position << " is taken twice";
    taken[position] = true;
  }
}

TEST(Layout, EveryPositionBelongsToOneWeight) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    const Layout layout = testing::random_layout(random.choose(every_packing), random);
    const int64_t n = random.pick(1, 40), k = random.pick(1, 40);
    SCOPED_TRACE(print(layout) + " of " + std::to_string(n) + " by " + std::to_string(k));
    const LayoutMap map(layout, n, k);
    std::vector<int64_t> positions;
    for (int64_t i = 0; i < map.padded_n(); ++i) {
      for (int64_t j = 0; j < map.padded_k(); ++j) positions.push_back(map.position(i, j));
    }
    expect_injective(positions, map.positions());
    EXPECT_EQ(map.positions() % info(layout.packing).weights_per_group, 0);
    if (!map.flattened()) {
      EXPECT_EQ(static_cast<int64_t>(positions.size()), map.positions());
    }
  }
}

TEST(Layout, BytesAndDigitsFollowFromPositions) {
  const LayoutMap map({Packing::b2, {{Axis::n, 0, 2}, {Axis::k, 0, 8}, {Axis::n, 2, 1}, {Axis::k, 8, 1}}, 64},
                      3, 10);
  EXPECT_EQ(map.padded_n(), 4);
  EXPECT_EQ(map.padded_k(), 16);
  EXPECT_EQ(map.positions(), 64);
  EXPECT_EQ(map.size_in_bytes(), 16);
  // n = 2 = block 1, row 0; k = 9 = block 1, digit 1: 1 * 32 + 1 * 16 + 0 * 8 + 1.
  EXPECT_EQ(map.position(2, 9), 49);
  EXPECT_EQ(map.byte_offset(2, 9), 12);
  EXPECT_EQ(map.index_in_group(2, 9), 1);
  EXPECT_EQ(map.along_n(2) + map.along_k(9), 49);

  const LayoutMap halves(plain_layout(Packing::f16), 3, 5);
  EXPECT_EQ(halves.byte_offset(1, 2), 14);
  EXPECT_EQ(halves.size_in_bytes(), 30);
}

TEST(Layout, AStrideMovesEveryIterationEquallyFar) {
  Random random(2);
  int found = 0;
  for (int round = 0; round < 1000; ++round) {
    const Layout layout = testing::random_layout(random.choose(every_packing), random, false);
    const LayoutMap map(layout, 100, 100);
    const Axis axis = random.coin() ? Axis::n : Axis::k;
    const int64_t step = random.pick(1, 12), trips = random.pick(1, 8);
    const std::optional<int64_t> stride = map.stride(axis, step, trips);
    if (!stride) continue;
    ++found;
    for (int64_t i = 0; i < trips; ++i) {
      const int64_t moved = axis == Axis::n ? map.along_n(i * step) : map.along_k(i * step);
      ASSERT_EQ(moved, i * *stride) << print(layout) << " " << name(axis) << " by " << step;
    }
  }
  EXPECT_GT(found, 200);
}

TEST(Layout, ALoopAcrossABorderHasNoStride) {
  const LayoutMap map(
      {Packing::i8, {{Axis::n, 0, 16}, {Axis::k, 0, 8}, {Axis::n, 16, 1}, {Axis::k, 8, 1}}, 64}, 64, 64);
  EXPECT_EQ(map.stride(Axis::n, 1, 16), 8);
  EXPECT_EQ(map.stride(Axis::n, 4, 4), 32);
  EXPECT_EQ(map.stride(Axis::n, 16, 4), 16 * 64);
  EXPECT_EQ(map.stride(Axis::n, 32, 2), 32 * 64);
  EXPECT_EQ(map.stride(Axis::k, 8, 8), 16 * 8);
  EXPECT_EQ(map.stride(Axis::n, 1, 17), std::nullopt);
  EXPECT_EQ(map.stride(Axis::n, 8, 4), std::nullopt);
  EXPECT_EQ(map.stride(Axis::n, 24, 2), std::nullopt);
  EXPECT_EQ(map.stride(Axis::k, 3, 4), std::nullopt);
  EXPECT_EQ(map.stride(Axis::n, 24, 1), 0) << "a single iteration goes nowhere";
}

TEST(Layout, I2SBlocksKeepEveryFourthOf128WeightsInAByte) {
  const LayoutMap map(i2s_layout(), 2, 256);
  // Weight 33 of a block: byte 1, second pair of bits from the top.
  EXPECT_EQ(map.byte_offset(0, 33), 1);
  EXPECT_EQ(map.index_in_group(0, 33), 1);
  EXPECT_EQ(map.byte_offset(1, 128 + 127), 64 + 32 + 31);
  EXPECT_EQ(map.index_in_group(1, 128 + 127), 3);
  EXPECT_EQ(map.size_in_bytes(), 128);

  const LayoutMap narrow(i2s_64_layout(), 2, 64);
  EXPECT_EQ(narrow.byte_offset(0, 17), 1);
  EXPECT_EQ(narrow.index_in_group(0, 17), 1);
  EXPECT_EQ(narrow.byte_offset(1, 63), 31);
}

TEST(Layout, FlattenedBlocksMayStraddleRows) {
  const LayoutMap map(i2s_layout(), 3, 50);  // 150 weights: two blocks
  EXPECT_TRUE(map.flattened());
  EXPECT_EQ(map.size_in_bytes(), 64);
  EXPECT_EQ(map.byte_offset(2, 28), 32);  // the first weight of the second block
}

TEST(Layout, PlainLayoutsPadEachRowToWholeGroups) {
  for (const Packing packing : every_packing) {
    EXPECT_THAT(check(plain_layout(packing)), IsEmpty());
    const LayoutMap map(plain_layout(packing), 2, 5);
    const int64_t group = info(packing).weights_per_group;
    EXPECT_EQ(map.position(1, 0), round_up(5, group));
  }
  EXPECT_THAT(check(i2s_layout()), IsEmpty());
  EXPECT_THAT(check(i2s_64_layout()), IsEmpty());
}

TEST(Layout, PrintsAsItIsWritten) {
  const Layout layout{
      Packing::b2, {{Axis::n, 0, 16}, {Axis::k, 0, 1}, {Axis::k, 16, 4}, {Axis::n, 16, 1}}, 32};
  EXPECT_EQ(print(layout), "b2 [n/16, k, k%16/4, n%16] align 32");
}

struct WrongLayout {
  std::vector<Factor> factors;
  std::string message;
  Packing packing = Packing::i8;
  int64_t alignment = 64;
};

TEST(Layout, TheFewestFactorsGiveTheSamePositions) {
  Random random(8);
  size_t saved = 0;
  for (int round = 0; round < 600; ++round) {
    const Layout layout = testing::random_layout(random.choose(every_packing), random);
    const int64_t n = random.pick(1, 40), k = random.pick(1, 40);
    const Layout fewest = in_fewest_factors(layout, n, k);
    SCOPED_TRACE(print(layout) + " of " + std::to_string(n) + " by " + std::to_string(k) + ": " +
                 print(fewest));
    saved += layout.factors.size() - fewest.factors.size();
    ASSERT_THAT(check(fewest), IsEmpty());
    const LayoutMap map(layout, n, k), same(fewest, n, k);
    EXPECT_EQ(map.size_in_bytes(), same.size_in_bytes());
    EXPECT_EQ(map.byte_stride(), same.byte_stride());
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < k; ++j) ASSERT_EQ(map.position(i, j), same.position(i, j));
    }
  }
  EXPECT_GT(saved, 100u);
}

TEST(Layout, BlocksThatMakeNoDifferenceHaveTheSameFewestFactors) {
  const auto blocked = [](int64_t k_block) {
    return Layout{Packing::b2,
                  {{Axis::n, 0, 64},
                   {Axis::k, 0, k_block},
                   {Axis::k, k_block, 16},
                   {Axis::n, 64, 16},
                   {Axis::n, 16, 1},
                   {Axis::k, 4, 1},
                   {Axis::k, 16, 4}},
                  64};
  };
  EXPECT_EQ(print(in_fewest_factors(blocked(64), 6912, 2560)), "b2 [n/64, k/16, n%64, k%4, k%16/4] align 64");
  EXPECT_EQ(in_fewest_factors(blocked(128), 6912, 2560), in_fewest_factors(blocked(64), 6912, 2560));
  // The last block of 128 is half empty: the next outputs begin later.
  EXPECT_EQ(print(in_fewest_factors(blocked(128), 6912, 2496)),
            "b2 [n/64, k/128, k%128/16, n%64, k%4, k%16/4] align 64");
  // Groups stay whole: bytes hold 4 inputs of one output, if the last of them is padding.
  const Layout rows{Packing::b2, {{Axis::n, 0, 1}, {Axis::k, 0, 4}, {Axis::k, 4, 1}}, 64};
  EXPECT_EQ(in_fewest_factors(rows, 6912, 2560), rows);
}

TEST(Layout, EachMistakeIsNamed) {
  const WrongLayout cases[] = {
      {{{Axis::n, 0, 1}, {Axis::k, 0, 8}, {Axis::k, 4, 1}}, "k/8 leaves a gap: expected a divisor of 4"},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 4}, {Axis::k, 8, 1}}, "k/4 leaves a gap: expected a divisor of 8"},
      {{{Axis::n, 0, 2}, {Axis::k, 0, 1}}, "n/2 leaves a gap: expected a divisor of 1"},
      {{{Axis::n, 0, 1}, {Axis::k, 8, 1}}, "the outermost factor of k must have no modulus"},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 1}, {Axis::k, 0, 1}},
       "axis k has more than one factor without a modulus"},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 6}, {Axis::k, 6, 4}, {Axis::k, 4, 1}},
       "k%6/4: the modulus must be a larger multiple of the divisor"},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 4}, {Axis::k, 4, 4}, {Axis::k, 4, 1}},
       "k%4/4: the modulus must be a larger multiple of the divisor"},
      {{{Axis::n, 0, 1}}, "a layout names the axes n and k, or the flattened axis e alone"},
      {{}, "a layout names the axes n and k, or the flattened axis e alone"},
      {{{Axis::e, 0, 1}, {Axis::k, 0, 1}}, "a layout names the axes n and k, or the flattened axis e alone"},
      {{{Axis::m, 0, 1}, {Axis::n, 0, 1}, {Axis::k, 0, 1}}, "weights have no axis m"},
      {{{Axis::n, 0, 0}, {Axis::k, 0, 1}}, "n/0: numbers must be between 1 and 1073741824"},
      {{{Axis::n, 0, 1}, {Axis::k, -4, 1}}, "k%-4: numbers must be between 1 and 1073741824"},
      {{{Axis::n, 0, int64_t{1} << 33}, {Axis::k, 0, 1}},
       "n/8589934592: numbers must be between 1 and 1073741824"},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 2}, {Axis::k, 2, 1}},
       "the innermost factors must make up whole groups of 4 weights for b2",
       Packing::b2},
      {{{Axis::k, 0, 4}, {Axis::k, 4, 1}, {Axis::n, 0, 1}},
       "the innermost factors must make up whole groups of 4 weights for b2",
       Packing::b2},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 1}},
       "the alignment must be a power of two of at most 4096",
       Packing::i8,
       48},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 1}},
       "the alignment must be a power of two of at most 4096",
       Packing::i8,
       8192},
      {{{Axis::n, 0, 1}, {Axis::k, 0, 1}},
       "the alignment must be a power of two of at most 4096",
       Packing::i8,
       0},
      {std::vector<Factor>(17, {Axis::k, 0, 1}), "a layout has at most 16 factors"},
  };
  for (const WrongLayout& wrong : cases) {
    const Layout layout{wrong.packing, wrong.factors, wrong.alignment};
    EXPECT_THAT(check(layout), ::testing::Contains(wrong.message)) << print(layout);
  }
}

TEST(Layout, SizesOfAbsurdMatricesStayInRange) {
  // The largest kernel that verify accepts.
  const LayoutMap map(plain_layout(Packing::f32), 1 << 24, 1 << 20);
  EXPECT_EQ(map.size_in_bytes(), int64_t{1} << 46);
}

}  // namespace
}  // namespace tern::ir

#include "ir/kernel/pack.h"

#include <gtest/gtest.h>

#include "tests/support/random_layout.h"

namespace tern::ir {
namespace {

using testing::Random;

using Bytes = std::vector<uint8_t>;

std::vector<int8_t> random_trits(int64_t count, Random& random) {
  std::vector<int8_t> trits(count);
  for (int8_t& trit : trits) trit = static_cast<int8_t>(random.pick(-1, 1));
  return trits;
}

// What pack_trits must give: weight by weight, nothing clever.
Bytes packed_one_by_one(const Layout& layout, const std::vector<int8_t>& trits, int64_t n, int64_t k) {
  const LayoutMap map(layout, n, k);
  Bytes bytes(map.size_in_bytes());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j)
      encode_trit(layout.packing, &bytes[map.byte_offset(i, j)], map.byte_stride(), map.index_in_group(i, j),
                  trits[i * k + j]);
  }
  return bytes;
}

Bytes packed(const Layout& layout, const std::vector<int8_t>& trits, int64_t n, int64_t k) {
  Bytes bytes(LayoutMap(layout, n, k).size_in_bytes(), 0xee);
  pack_trits(layout, trits, bytes, n, k);
  return bytes;
}

std::vector<int8_t> unpacked(const Layout& layout, const Bytes& bytes, int64_t n, int64_t k) {
  std::vector<int8_t> trits(n * k);
  unpack_trits(layout, bytes, trits, n, k);
  return trits;
}

Bytes repacked(const Layout& from, const Bytes& source, const Layout& to, int64_t n, int64_t k) {
  Bytes bytes(LayoutMap(to, n, k).size_in_bytes());
  repack_trits(from, source, to, bytes, n, k, 0, n);
  return bytes;
}

// What the default kernels read: words of 16 inputs for each of several outputs side by side.
Layout kernel_layout(int64_t block, int64_t lanes, int64_t k_block) {
  return {Packing::b2,
          {{Axis::n, 0, block},
           {Axis::k, 0, k_block},
           {Axis::k, k_block, 16},
           {Axis::n, block, lanes},
           {Axis::n, lanes, 1},
           {Axis::k, 4, 1},
           {Axis::k, 16, 4}},
          64};
}

TEST(Pack, I2STestVector) {
  // 128 weights, all 0 but w[0] = +1 and w[33] = -1: the code of 0 is 01, so an untouched byte is 01010101.
  std::vector<int8_t> trits(128);
  trits[0] = 1;
  trits[33] = -1;
  Bytes expected(32, 0x55);
  expected[0] = 0x95;
  expected[1] = 0x45;
  EXPECT_EQ(packed(i2s_layout(), trits, 1, 128), expected);
}

TEST(Pack, I2STestVectorOfSmallBlocks) {
  // In blocks of 64, w[33] is the third pair of bits of byte 1.
  std::vector<int8_t> trits(64);
  trits[0] = 1;
  trits[33] = -1;
  Bytes expected(16, 0x55);
  expected[0] = 0x95;
  expected[1] = 0x51;
  EXPECT_EQ(packed(i2s_64_layout(), trits, 1, 64), expected);
}

TEST(Pack, RandomLayoutsAgreeWithPackingOneByOne) {
  Random random(1);
  std::vector<Packing> holding_trits;
  for (const PackingInfo& packing : packings) {
    if (packing.holds.trits) holding_trits.push_back(packing.packing);
  }
  for (int round = 0; round < 400; ++round) {
    const Layout from = testing::random_layout(random.choose(holding_trits), random);
    const Layout to = testing::random_layout(random.choose(holding_trits), random);
    const int64_t n = random.pick(1, 20), k = random.pick(1, 70);
    SCOPED_TRACE(print(from) + " to " + print(to) + " of " + std::to_string(n) + " by " + std::to_string(k));
    const std::vector<int8_t> trits = random_trits(n * k, random);
    const Bytes source = packed(from, trits, n, k);
    EXPECT_EQ(source, packed_one_by_one(from, trits, n, k));
    EXPECT_EQ(unpacked(from, source, n, k), trits);
    EXPECT_EQ(repacked(from, source, to, n, k), packed_one_by_one(to, trits, n, k));
  }
}

TEST(Pack, FilesToKernelsByTheFastPathsAndTheSlow) {
  Random random(2);
  const Layout kernels[] = {kernel_layout(64, 16, 64), kernel_layout(32, 8, 128), kernel_layout(8, 4, 32)};
  for (const Layout& file : {i2s_layout(), i2s_64_layout()}) {
    for (const Layout& kernel : kernels) {
      ASSERT_TRUE(check(kernel).empty());
      for (const int64_t k : {128, 384, 64, 100, 129, 16, 15, 1}) {  // multiples of a block and others
        for (const int64_t n : {1, 5, 64, 67}) {
          SCOPED_TRACE(print(file) + " to " + print(kernel) + " of " + std::to_string(n) + " by " +
                       std::to_string(k));
          const std::vector<int8_t> trits = random_trits(n * k, random);
          const Bytes source = packed(file, trits, n, k);
          const Bytes bytes = repacked(file, source, kernel, n, k);
          EXPECT_EQ(bytes, packed_one_by_one(kernel, trits, n, k));
          EXPECT_EQ(unpacked(kernel, bytes, n, k), trits);
          EXPECT_EQ(repacked(kernel, bytes, file, n, k), source);
        }
      }
    }
  }
}

TEST(Pack, WordsOfEveryPackingByTheFastPath) {
  Random random(5);
  for (const PackingInfo& packing : packings) {
    if (!packing.holds.trits && !packing.holds.signs) continue;
    Layout kernel{packing.packing, {{Axis::n, 0, 8}, {Axis::k, 0, 4 * packing.weights_per_group}}, 64};
    if (packing.bytes_per_group > 1) kernel.factors.push_back({Axis::b});
    kernel.factors.insert(kernel.factors.end(), {{Axis::n, 8, 1}, {Axis::k, 4, 1}});
    if (packing.weights_per_group > 1) kernel.factors.push_back({Axis::k, 4 * packing.weights_per_group, 4});
    ASSERT_TRUE(check(kernel).empty()) << print(kernel);
    for (const int64_t k : {96, 100, 301, 1}) {
      const int64_t n = random.pick(1, 20);
      std::vector<int8_t> trits = random_trits(n * k, random);
      if (!packing.holds.trits) {
        for (int8_t& trit : trits) trit = trit == 0 ? 1 : trit;
      }
      const Bytes bytes = packed(kernel, trits, n, k);
      EXPECT_EQ(bytes, packed_one_by_one(kernel, trits, n, k)) << print(kernel);
      EXPECT_EQ(unpacked(kernel, bytes, n, k), trits) << print(kernel);
    }
  }
}

// What look-ups by bytes and masks read: groups of one output, and groups of several.
TEST(Pack, GroupsOfOneOutputAndOfSeveral) {
  Random random(6);
  for (const PackingInfo& packing : packings) {
    const int64_t group = packing.weights_per_group;
    if (!packing.holds.trits || group == 1) continue;
    for (const bool split_bytes : {false, true}) {
      Layout along_k{packing.packing, {{Axis::n, 0, 8}, {Axis::k, 0, group}}, 64};
      Layout along_n{packing.packing, {{Axis::n, 0, 4 * group}, {Axis::k, 0, 6}, {Axis::k, 6, 1}}, 64};
      Layout words{packing.packing, {{Axis::n, 0, 8}, {Axis::k, 0, 4 * group}}, 64};
      for (Layout* layout : {&along_k, &along_n, &words}) {
        if (split_bytes && packing.bytes_per_group > 1) layout->factors.push_back({Axis::b});
      }
      along_k.factors.insert(along_k.factors.end(), {{Axis::n, 8, 1}, {Axis::k, group, 1}});
      along_n.factors.insert(along_n.factors.end(), {{Axis::n, 4 * group, group}, {Axis::n, group, 1}});
      words.factors.insert(words.factors.end(), {{Axis::n, 8, 1}, {Axis::k, 4, 1}, {Axis::k, 4 * group, 4}});
      for (const Layout& kernel : {along_k, along_n, words}) {
        ASSERT_TRUE(check(kernel).empty()) << print(kernel);
        for (const int64_t k : {96, 101, 1}) {
          const int64_t n = random.pick(1, 70);
          const std::vector<int8_t> trits = random_trits(n * k, random);
          EXPECT_EQ(packed(kernel, trits, n, k), packed_one_by_one(kernel, trits, n, k)) << print(kernel);
        }
      }
    }
  }
}

TEST(Pack, APartOfTheRowsLeavesTheOthersAlone) {
  Random random(3);
  const int64_t n = 70, k = 130;
  const std::vector<int8_t> trits = random_trits(n * k, random);
  const Bytes source = packed(i2s_layout(), trits, n, k);
  for (const Layout& to : {kernel_layout(16, 4, 32), plain_layout(Packing::i8)}) {
    const LayoutMap map(to, n, k);
    // In any order: the parts are independent.
    Bytes bytes(map.size_in_bytes());
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{48, 70}, {0, 16}, {16, 48}})
      repack_trits(i2s_layout(), source, to, bytes, n, k, begin, end);
    EXPECT_EQ(bytes, packed_one_by_one(to, trits, n, k));

    Bytes part(map.size_in_bytes(), 0xee);
    repack_trits(i2s_layout(), source, to, part, n, k, 16, 32);
    for (int64_t i = 0; i < n; ++i) {
      const bool written = i >= 16 && i < 32;
      for (int64_t j = 0; j < k; ++j) {
        const int64_t offset = map.byte_offset(i, j);
        ASSERT_EQ(part[offset], written ? bytes[offset] : 0xee) << i << "," << j;
      }
    }
    Bytes untouched(map.size_in_bytes(), 0xee);
    repack_trits(i2s_layout(), source, to, untouched, n, k, 7, 7);
    EXPECT_EQ(untouched, Bytes(map.size_in_bytes(), 0xee));
  }
}

// Matrices side by side, as one: the ranges of rows that threads take end inside of parts.
TEST(Pack, RowsOfSeveralMatricesBecomeOne) {
  Random random(29);
  std::vector<Packing> holding_trits;
  for (const PackingInfo& packing : packings) {
    if (packing.holds.trits) holding_trits.push_back(packing.packing);
  }
  for (int round = 0; round < 200; ++round) {
    const int64_t k = random.pick(1, 150);
    const Layout to = testing::random_layout(random.choose(holding_trits), random);
    std::vector<int8_t> all;
    std::vector<std::pair<int64_t, int64_t>> rows;  // where each part begins, and how many it has
    std::vector<Layout> layouts;
    std::vector<Bytes> parts;
    int64_t n = 0;
    for (int part = 0; part < 3; ++part) {
      const int64_t count = random.pick(1, 40);
      const std::vector<int8_t> trits = random_trits(count * k, random);
      layouts.push_back(testing::random_layout(random.choose(holding_trits), random));
      parts.push_back(packed(layouts.back(), trits, count, k));
      all.insert(all.end(), trits.begin(), trits.end());
      rows.emplace_back(n, count);
      n += count;
    }
    Bytes bytes(LayoutMap(to, n, k).size_in_bytes());
    for (size_t part = 0; part < parts.size(); ++part) {
      const auto [first, count] = rows[part];
      const int64_t middle = random.pick(0, count);
      for (const auto& [begin, end] : {std::pair(int64_t{0}, middle), std::pair(middle, count)})
        repack_trits({layouts[part], parts[part], count, begin}, to, bytes, n, k, first + begin, first + end);
    }
    EXPECT_EQ(unpacked(to, bytes, n, k), all) << print(to);
  }
}

TEST(Pack, SomeRowsOfTrits) {
  Random random(7);
  const int64_t n = 100, k = 130;
  const std::vector<int8_t> trits = random_trits(n * k, random);
  for (const Layout& to : {kernel_layout(16, 4, 32), plain_layout(Packing::planes), i2s_layout()}) {
    const Bytes all = packed_one_by_one(to, trits, n, k);
    Bytes parts(all.size());
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{64, 100}, {0, 16}, {16, 64}})
      pack_trit_rows(to, std::span(trits).subspan(begin * k, (end - begin) * k), parts, n, k, begin, end);
    EXPECT_EQ(parts, all) << print(to);
  }
}

TEST(Pack, I2HasAFourthCode) {
  Random random(8);
  int count = 0;
  for (const PackingInfo& packing : packings) {
    if (!can_hold(packing.packing, Element::i2)) continue;
    ++count;
    for (int round = 0; round < 30; ++round) {
      // Words, whole rows, and groups of several outputs are written by other loops than layouts at random.
      const int64_t group = packing.weights_per_group;
      Layout layout = testing::random_layout(packing.packing, random);
      if (round % 3 == 0)
        layout = {packing.packing,
                  {{Axis::n, 0, 8}, {Axis::k, 0, 4 * group}, {Axis::n, 8, 1}, {Axis::k, 4, 1}},
                  64};
      if (round % 3 == 0 && group > 1) layout.factors.push_back({Axis::k, 4 * group, 4});
      if (round % 3 == 1 && group > 1)
        layout = {packing.packing, {{Axis::n, 0, group}, {Axis::k, 0, 1}, {Axis::n, group, 1}}, 64};
      const int64_t n = random.pick(1, 20), k = random.pick(1, 70);
      std::vector<int8_t> weights(n * k);
      for (int8_t& weight : weights) weight = static_cast<int8_t>(random.pick(-1, 2));
      const Bytes bytes = packed(layout, weights, n, k);
      EXPECT_EQ(bytes, packed_one_by_one(layout, weights, n, k)) << print(layout);
      EXPECT_EQ(unpacked(layout, bytes, n, k), weights) << print(layout);
    }
  }
  EXPECT_EQ(count, 3);  // b2, b2h, i8
}

TEST(Pack, APartOfTheInputsIsAMatrixOfItsOwn) {
  Random random(9);
  for (int round = 0; round < 60; ++round) {
    const int64_t n = random.pick(1, 20), k = random.pick(1, 300);
    // Blocks of files are read by a loop of their own, where the part is whole ones.
    const Layout from = round % 2 ? i2s_layout() : testing::random_layout(Packing::b2, random);
    const Layout to = round % 3 ? kernel_layout(16, 4, 32) : testing::random_layout(Packing::g2b4, random);
    const std::vector<int8_t> trits = random_trits(n * k, random);
    const int64_t unit = random.coin() ? 128 : 1;
    const int64_t first = random.pick(0, k / unit) * unit, last = std::min(k, first + random.pick(1, 200));
    if (first >= last) continue;
    std::vector<int8_t> part;
    for (int64_t i = 0; i < n; ++i) part.insert(part.end(), &trits[i * k] + first, &trits[i * k] + last);
    const Bytes expected = packed_one_by_one(to, part, n, last - first);
    Bytes repacked_part(expected.size()), packed_part(expected.size());
    repack_trits(from, packed(from, trits, n, k), to, repacked_part, n, k, 0, n, {first, last});
    pack_trit_rows(to, trits, packed_part, n, k, 0, n, {first, last});
    EXPECT_EQ(repacked_part, expected) << print(from) << " to " << print(to);
    EXPECT_EQ(packed_part, expected) << print(to);
  }
}

template <class T>
void expect_dense_rows_arrive(Packing packing, Random& random) {
  for (int round = 0; round < 40; ++round) {
    const Layout layout = testing::random_layout(packing, random, false);
    const int64_t n = random.pick(1, 50), k = random.pick(1, 40);
    const LayoutMap map(layout, n, k);
    std::vector<T> weights(map.positions(), T{99});
    const int64_t begin = random.pick(0, n - 1), end = random.pick(begin, n);
    pack_dense<T>(layout, weights, n, k, begin, end, [&](int64_t i, T* row) {
      for (int64_t j = 0; j < k; ++j) row[j] = static_cast<T>((i * k + j) % 90);
    });
    int64_t written = 0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < k; ++j) {
        const bool inside = i >= begin && i < end;
        ASSERT_EQ(weights[map.position(i, j)], inside ? static_cast<T>((i * k + j) % 90) : T{99})
            << print(layout);
        written += inside;
      }
    }
    EXPECT_EQ(std::count(weights.begin(), weights.end(), T{99}), map.positions() - written)
        << "padding is left alone";
  }
}

TEST(Pack, DenseRowsArriveInEveryLayout) {
  Random random(4);
  expect_dense_rows_arrive<int8_t>(Packing::i8, random);
  expect_dense_rows_arrive<uint16_t>(Packing::f16, random);
  expect_dense_rows_arrive<uint16_t>(Packing::bf16, random);
  expect_dense_rows_arrive<float>(Packing::f32, random);
}

}  // namespace
}  // namespace tern::ir

#include "kernels/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/default_kernel.h"
#include "targets/legal.h"

namespace tern::kernels {
namespace {

ir::Problem trits(int64_t m, int64_t n = 2560, int64_t k = 2560) {
  return ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
}

targets::Target target(const char* name) {
  return targets::load_target(name).take();
}

TEST(Space, HoldsDistinctLegalKernelsAndTheDefault) {
  for (const char* name : {"zen5", "x86-64-v3", "neoverse-n1", "apple-m2", "armv8-a"}) {
    for (const int64_t m : {1, 4}) {
      const targets::Target cpu = target(name);
      const Space space = make_space(trits(m), cpu);
      std::set<uint64_t> hashes;
      for (const Candidate& candidate : space.candidates) {
        EXPECT_TRUE(hashes.insert(hash(candidate.kernel)).second) << print(candidate);
        ASSERT_TRUE(ir::verify(candidate.kernel).empty()) << print(candidate);
        ASSERT_TRUE(targets::legality_errors(candidate.kernel, cpu).empty()) << print(candidate);
      }
      EXPECT_TRUE(hashes.contains(hash(default_kernel(trits(m), cpu)))) << name << ", m " << m;
      for (const Refusal& refusal : space.refused) EXPECT_FALSE(refusal.reason.empty());
    }
  }
}

// Or a kernel's speed would hang on where its code lies.
TEST(Space, HoldsNothingThatLacksPrefetchesWhereTheDefaultHasThem) {
  for (const int64_t m : {1, 4, 256}) {
    for (const Candidate& candidate : sample_space(trits(m), target("zen5"), 500, 1)) {
      const Knobs usual = default_knobs(candidate.recipe, trits(m), target("zen5"));
      EXPECT_EQ(candidate.kernel.schedule.prefetch_bytes > 0, usual.prefetch_bytes > 0) << print(candidate);
    }
  }
}

TEST(Knobs, OfRowsMakeTilesOfEqualHeight) {
  for (const char* name : {"zen5", "x86-64-v3", "skylake-avx512", "apple-m2", "neoverse-v1"}) {
    const targets::Target cpu = target(name);
    for (int64_t m = 1; m <= 40; ++m) {
      for (const ir::Packing packing : {ir::Packing::b2, ir::Packing::g3b5}) {
        const Recipe recipe{packing, ir::DotCompute{{1, plain_unpack(packing)}}};
        const int64_t rows = default_knobs(recipe, trits(m), cpu).tile_rows;
        const int64_t tiles = ir::ceil_divide(m, rows);
        EXPECT_LT(tiles * rows - m, tiles) << name << ", " << m << " rows in tiles of " << rows;
      }
    }
  }
}

TEST(Knobs, OfFewRowsReadWeightsInTheOrderInWhichTheyLie) {
  const Recipe recipe = default_recipe(trits(4), target("zen5"));
  const Knobs few = default_knobs(recipe, trits(4), target("zen5"));
  EXPECT_EQ(few.tile_vectors, few.block_vectors);
  EXPECT_GT(few.prefetch_bytes, 0);
  const Knobs many = default_knobs(recipe, trits(256), target("zen5"));
  EXPECT_LT(many.tile_vectors, many.block_vectors);
  EXPECT_GT(many.tile_rows, few.tile_rows);
}

TEST(Space, ASampleIsAPartThatItsSeedDecides) {
  const targets::Target cpu = target("zen5");
  const auto hashes = [&](size_t count, uint64_t seed) {
    std::vector<uint64_t> result;
    for (const Candidate& candidate : sample_space(trits(1), cpu, count, seed))
      result.push_back(hash(candidate.kernel));
    return result;
  };
  const std::vector<uint64_t> some = hashes(100, 1);
  EXPECT_EQ(std::set<uint64_t>(some.begin(), some.end()).size(), 100u);
  EXPECT_EQ(some, hashes(100, 1));
  EXPECT_NE(some, hashes(100, 2));
  EXPECT_EQ(hashes(size_t{1} << 40, 1).size(), make_space(trits(1), cpu).candidates.size());
}

TEST(Space, SaysWhatACpuLacks) {
  const Space space = make_space(trits(1), target("zen5"));
  const auto reason_of = [&](std::string_view recipe) {
    for (const Refusal& refusal : space.refused)
      if (print(refusal.recipe) == recipe) return refusal.reason;
    return std::string("not refused");
  };
  EXPECT_EQ(reason_of("b2 tile mma_16x64x16"), "mma_16x64x16 needs amx-int8");
  EXPECT_EQ(reason_of("b2 tile mma_2x8x2"), "mma_2x8x2 needs i8mm");
}

// A few of each, for there are very many.
TEST(Space, WhatIsNotRefusedCanBeLoweredAndProved) {
  const Space space = make_space(trits(4, 640), target("zen5"));
  ASSERT_GT(space.candidates.size(), 1000u);
  size_t proved = 0, tried = 0;
  for (size_t i = 0; i < space.candidates.size(); i += 611) {
    ++tried;
    proved += ir::verify(codegen::lower(space.candidates[i].kernel)).empty();
  }
  EXPECT_GT(proved, tried * 9 / 10);
}

TEST(Space, NeighboursDifferInOneKnob) {
  const targets::Target cpu = target("zen5");
  const Recipe recipe{ir::Packing::b2};
  const Candidate usual{recipe, default_knobs(recipe, trits(256), cpu), make_kernel(recipe, trits(256), cpu)};
  const std::vector<Candidate> all = neighbours(usual, cpu, false), some = neighbours(usual, cpu, true);
  EXPECT_GT(all.size(), some.size());
  EXPECT_GT(some.size(), 2u);
  for (const Candidate& candidate : all) {
    EXPECT_EQ(candidate.recipe, usual.recipe);
    EXPECT_NE(hash(candidate.kernel), hash(usual.kernel));
  }
  for (const Candidate& candidate : some) EXPECT_TRUE(same_layouts(candidate.kernel, usual.kernel));
}

TEST(Space, OtherRowsCanShareALayout) {
  const targets::Target cpu = target("zen5");
  for (const Candidate& one : default_space(trits(1), cpu).candidates) {
    const std::vector<Candidate> many = sharing_layout(one, trits(256), cpu);
    EXPECT_FALSE(many.empty()) << print(one);
    for (const Candidate& candidate : many) {
      EXPECT_TRUE(same_layouts(candidate.kernel, one.kernel)) << print(candidate);
      EXPECT_EQ(candidate.kernel.problem.m, 256);
    }
  }
}

TEST(Knobs, BlocksOfInputsAreOfTheLayoutWhereTheyPadIt) {
  const Recipe recipe{ir::Packing::b2};
  const auto share = [&](int64_t k) {
    Knobs knobs = default_knobs(recipe, trits(1), target("zen5"));
    knobs.block_inputs = 64;
    const ir::Kernel narrow = make_kernel(recipe, knobs, trits(1, 2560, k));
    knobs.block_inputs = 128;
    const ir::Kernel wide = make_kernel(recipe, knobs, trits(1, 2560, k));
    EXPECT_TRUE(ir::verify(narrow).empty() && ir::verify(wide).empty()) << k;
    EXPECT_NE(hash(narrow), hash(wide)) << "one loop more, or less";
    return same_layouts(narrow, wide);
  };
  EXPECT_TRUE(share(2560));
  EXPECT_TRUE(share(384));
  EXPECT_FALSE(share(320)) << "to 384 inputs";
  EXPECT_FALSE(share(300)) << "to 320, or 384";
}

TEST(Space, CandidatesAreReadAgain) {
  const targets::Target cpu = target("zen5");
  const Space space = make_space(trits(4), cpu);
  for (size_t i = 0; i < space.candidates.size(); i += 97) {
    const Candidate& candidate = space.candidates[i];
    const std::optional<Candidate> again = parse_candidate(print(candidate), trits(4), cpu);
    ASSERT_TRUE(again) << print(candidate);
    EXPECT_EQ(again->kernel, candidate.kernel);
    EXPECT_EQ(again->knobs, candidate.knobs);
  }
  for (const char* text : {"", "b2 dot", "b2 dot: lanes", "b2 dot: lanes 16, block 8 x", "b3 dot: lanes 16",
                           "b2 dot: lanes 16, block 8 x 64, tile 1 x all, unroll 64, prefetch 4096, more 1"})
    EXPECT_FALSE(parse_candidate(text, trits(4), cpu)) << text;
}

// Knobs that are good for one shape are tried for another, whatever its sizes.
TEST(Space, CandidatesFitOtherShapes) {
  const targets::Target cpu = target("zen5");
  const Space space = default_space(trits(1), cpu);
  for (const Candidate& candidate : space.candidates) {
    for (const auto& [n, k] : {std::pair<int64_t, int64_t>{1, 1}, {17, 100}, {640, 6912}}) {
      const std::optional<Candidate> other = transferred(candidate, trits(1, n, k), cpu);
      ASSERT_TRUE(other) << print(candidate);
      EXPECT_TRUE(ir::verify(codegen::lower(other->kernel)).empty()) << print(*other);
    }
  }
}

}  // namespace
}  // namespace tern::kernels

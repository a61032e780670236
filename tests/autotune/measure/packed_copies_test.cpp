#include "autotune/measure/packed_copies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "ir/kernel/pack.h"
#include "kernels/space.h"
#include "targets/host.h"
#include "tests/support/threads.h"

namespace tern::autotune {
namespace {

using testing::one_thread;
using testing::two_threads;

const ir::Problem problem = ir::matmul(1, 256, 640, {ir::Element::trit, ir::Scaling::tensor});
constexpr size_t bytes_of_b2 = 256 * 640 / 4;

// That reads blocks of as many outputs and inputs: not a sound kernel, but for its layout.
ir::Kernel blocked(int64_t outputs, int64_t inputs) {
  ir::Kernel kernel;
  kernel.problem = problem;
  kernel.weights = {ir::Packing::b2,
                    {{ir::Axis::n, 0, outputs},
                     {ir::Axis::k, 0, inputs},
                     {ir::Axis::k, inputs, 16},
                     {ir::Axis::n, outputs, 1},
                     {ir::Axis::k, 4, 1},
                     {ir::Axis::k, 16, 4}},
                    64};
  return kernel;
}

std::vector<const ir::Kernel*> pointers(std::span<const ir::Kernel> kernels) {
  std::vector<const ir::Kernel*> result;
  for (const ir::Kernel& kernel : kernels) result.push_back(&kernel);
  return result;
}

TEST(PackedCopies, HoldTheSameWeightsInEveryLayout) {
  const CheckCase weights(problem);
  PackedCopies copies(weights, size_t{1} << 30);
  std::vector<ir::Kernel> kernels;
  for (const kernels::Candidate& candidate :
       kernels::default_space(problem, targets::host_target().take()).candidates)
    kernels.push_back(candidate.kernel);
  ASSERT_GT(kernels.size(), 1u);
  EXPECT_EQ(copies.pack(pointers(kernels), two_threads()), kernels.size());
  std::vector<int8_t> expected;
  for (const ir::Kernel& kernel : kernels) {
    const ir::LayoutMap map(kernel.weights, problem.n, problem.k);
    const auto* start = reinterpret_cast<const uint8_t*>(copies.find(kernel)->weights.data());
    std::vector<int8_t> trits(problem.n * problem.k);
    ir::unpack_trits(kernel.weights, {start, static_cast<size_t>(map.size_in_bytes())}, trits, problem.n,
                     problem.k);
    if (expected.empty()) expected = trits;
    EXPECT_EQ(trits, expected) << print(kernel.weights);
  }
  for (const int8_t trit : {-1, 0, 1}) EXPECT_GT(std::ranges::count(expected, trit), 1000);
}

TEST(PackedCopies, AreSharedByLayoutsThatDifferInWordsAlone) {
  const CheckCase weights(problem);
  PackedCopies copies(weights, size_t{1} << 30);
  const std::array kernels = {blocked(64, 64), blocked(64, 128), blocked(64, 320)};
  EXPECT_EQ(copies.pack(pointers(kernels), one_thread()), 3u);
  EXPECT_EQ(copies.bytes(), bytes_of_b2);
  EXPECT_EQ(copies.find(kernels[0]), copies.find(kernels[2]));
}

TEST(PackedCopies, ThoseThatWereNotNeededForLongestMakeRoom) {
  const CheckCase weights(problem);
  PackedCopies copies(weights, 2 * bytes_of_b2);
  const std::array kernels = {blocked(16, 64), blocked(32, 64), blocked(64, 64), blocked(128, 64)};
  const auto pack = [&](size_t i) { return copies.pack(pointers({&kernels[i], 1}), one_thread()); };
  for (const size_t i : {0u, 1u, 0u, 2u}) {
    EXPECT_EQ(pack(i), 1u);
    EXPECT_LE(copies.bytes(), 2 * bytes_of_b2);
  }
  EXPECT_TRUE(copies.find(kernels[0]));
  EXPECT_FALSE(copies.find(kernels[1]));
  EXPECT_TRUE(copies.find(kernels[2]));
  // As many at once as there is room for; a third would be dropped before it was used.
  EXPECT_EQ(copies.pack(pointers(kernels), two_threads()), 2u);
  EXPECT_EQ(copies.bytes(), 2 * bytes_of_b2);
}

TEST(PackedCopies, OneIsMadeEvenWithoutRoom) {
  const CheckCase weights(problem);
  PackedCopies copies(weights, 1);
  const std::array kernels = {blocked(16, 64), blocked(32, 64)};
  EXPECT_EQ(copies.pack(pointers(kernels), one_thread()), 1u);
  EXPECT_EQ(copies.pack(pointers({&kernels[1], 1}), one_thread()), 1u);
  EXPECT_EQ(copies.bytes(), bytes_of_b2);
}

}  // namespace
}  // namespace tern::autotune

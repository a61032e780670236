// Bytes between caches: of loops that anybody can count by hand.
#include "autotune/search/cache_traffic.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "codegen/lower/lower.h"
#include "kernels/knobs.h"

namespace tern::autotune {
namespace {

constexpr CacheSizes sizes = {32768, 1 << 20};

// Reads `bytes` bytes of X, `times` times over.
CacheTraffic traffic_of_walk(int64_t bytes, int64_t times) {
  const Expected<ir::Program> program = ir::parse_program(fmt::format(R"(program @walk {{
  input X: u8[{0}] align 64
  output Y: u8[64] align 64
  register x: u8x64
  for i in 0..{1} {{
    for j in 0..{2} {{
      x = load X[64 * j]
    }}
  }}
  store Y[0], x
}}
)",
                                                                      bytes, times, bytes / 64));
  EXPECT_TRUE(program) << program.error().text();
  return cache_traffic(*program, ir::Kernel{}, 1, sizes);
}

constexpr double result = 128;  // a line of Y comes and goes

TEST(CacheTraffic, WhatFitsComesOnce) {
  const CacheTraffic traffic = traffic_of_walk(16384, 10);
  EXPECT_EQ(traffic.first, 16384 + result);
  EXPECT_EQ(traffic.second, 64);  // the line of Y that goes back
}

TEST(CacheTraffic, WhatDoesNotFitComesEachTime) {
  const CacheTraffic traffic = traffic_of_walk(131072, 10);
  EXPECT_EQ(traffic.first, 10 * 131072 + result);
  EXPECT_EQ(traffic.second, 64);
}

TEST(CacheTraffic, WhatDoesNotFitTheSecondComesFromBehindIt) {
  const CacheTraffic traffic = traffic_of_walk(4 << 20, 10);
  EXPECT_EQ(traffic.first, 10.0 * (4 << 20) + result);
  EXPECT_EQ(traffic.second, 9.0 * (4 << 20) + 64);
}

TEST(CacheTraffic, BytesOfOneLineComeTogether) {
  const Expected<ir::Program> program = ir::parse_program(R"(program @bytes {
  input X: i8[4096] align 64
  output Y: i8[64] align 64
  register x: i8x64
  for i in 0..1024 {
    x = splat X[4 * i], 4
  }
  store Y[0], x
}
)");
  ASSERT_TRUE(program) << program.error().text();
  EXPECT_EQ(cache_traffic(*program, ir::Kernel{}, 1, sizes).first, 4096 + result);
}

// A tile of more rows reads its panel of weights less often, and each core has its own part of the outputs.
TEST(CacheTraffic, RowsOfATileShareWeights) {
  const targets::Target target = targets::load_target("zen5").take();
  const ir::Problem problem = ir::matmul(256, 256, 2560, {ir::Element::trit, ir::Scaling::tensor});
  const kernels::Recipe recipe{ir::Packing::b2, ir::TileCompute{}};
  kernels::Knobs knobs = kernels::default_knobs(recipe, problem, target);
  knobs.tile_vectors = 0;
  const auto traffic = [&](int64_t rows, int threads) {
    knobs.tile_rows = rows;
    const ir::Kernel kernel = kernels::make_kernel(recipe, knobs, problem);
    return cache_traffic(codegen::lower(kernel), kernel, threads, {49152, 1 << 20}).first;
  };
  EXPECT_GT(traffic(1, 1), 1.8 * traffic(2, 1));
  EXPECT_GT(traffic(2, 1), 1.4 * traffic(4, 1));
  EXPECT_NEAR(traffic(1, 2) / traffic(1, 1), 0.5, 0.1);
}

}  // namespace
}  // namespace tern::autotune

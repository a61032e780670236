// Random kernels, far from what any default would pick: reference, interpreter and compiled code give the
// same bits on every target, as a whole and range by range.
#include "codegen/lower/lower.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/matmul_case.h"
#include "tests/support/random_kernel.h"
#include "tests/support/runnable_targets.h"

namespace tern::codegen {
namespace {

using testing::Random;

// Runs every iteration of the parallel loops, in pieces and in random order, as threads would.
std::vector<float> run_in_pieces(const CompiledKernel& compiled, const ir::Kernel& kernel,
                                 const ir::MatmulInputs& inputs, Random& random) {
  std::vector<std::vector<ir::Range>> pieces = {{}};
  for (const ir::Range& whole : full_ranges(compiled.program())) {
    const int64_t cut = random.pick(whole.begin, whole.end);
    std::vector<std::vector<ir::Range>> finer;
    for (const std::vector<ir::Range>& piece : pieces) {
      for (const ir::Range part : {ir::Range{whole.begin, cut}, ir::Range{cut, whole.end}}) {
        finer.push_back(piece);
        finer.back().push_back(part);
      }
    }
    pieces = std::move(finer);
  }
  std::shuffle(pieces.begin(), pieces.end(), random.engine());
  testing::KernelCall call(kernel, compiled.program(), inputs);
  const std::vector<std::byte*> buffers = call.buffers();
  const std::vector<void*> pointers(buffers.begin(), buffers.end());
  for (const std::vector<ir::Range>& piece : pieces) compiled(pointers, piece);
  return call.result();
}

TEST(Lower, RandomKernelsAgreeOnEveryTarget) {
  for (const targets::Target& target : testing::runnable_targets()) {
    Random random(1);
    const Expected<Jit> jit = Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    for (int round = 0; round < 40; ++round) {
      const ir::Kernel kernel = testing::random_kernel(random, target);
      SCOPED_TRACE(target.name + "\n" + print(kernel));
      const ir::MatmulInputs inputs = testing::random_inputs(kernel.problem, random.engine());
      const std::vector<float> expected = testing::expected_result(kernel, inputs);
      lower(kernel, [&](std::string_view pass, const ir::Program& stage) {
        ASSERT_TRUE(testing::same_bits(testing::run_interpreted(kernel, stage, inputs), expected)) << pass;
      });
      const Expected<CompiledKernel> compiled = jit->compile(kernel);
      ASSERT_TRUE(compiled) << compiled.error().text();
      ASSERT_TRUE(testing::same_bits(testing::run_compiled(*compiled, kernel, inputs), expected));
      ASSERT_TRUE(testing::same_bits(run_in_pieces(*compiled, kernel, inputs, random), expected));
    }
  }
}

// The interpreter alone, for many more kernels: what it costs to compile them is what limits the test above.
TEST(Lower, ManyRandomKernelsAgreeWithTheReference) {
  Random random(2);
  const targets::Target target = testing::listed_target("generic");
  std::map<std::string, int> seen;  // that the generator reaches what it is meant to reach
  for (int round = 0; round < 800; ++round) {
    const ir::Kernel kernel = testing::random_kernel(random, target);
    const ir::MatmulInputs inputs = testing::random_inputs(kernel.problem, random.engine());
    ASSERT_TRUE(testing::same_bits(testing::run_interpreted(kernel, lower(kernel), inputs),
                                   testing::expected_result(kernel, inputs)))
        << print(kernel);
    ++seen[std::string(info(kernel.weights.packing).name) + (kernel.problem.is_quantized() ? "" : " dense")];
    ++seen[std::string(name(kernel.strategy()))];
    if (const ir::Unpacking* unpacking = unpacking_of(kernel.compute)) {
      ++seen["zero point " + std::to_string(unpacking->zero_point)];
      ++seen["unpack " + std::string(name(unpacking->unpack))];
    }
    if (const ir::DotCompute* dot = std::get_if<ir::DotCompute>(&kernel.compute)) {
      if (dot->fields_per_shift != 1) ++seen["fields per shift"];
    }
    if (const ir::TileCompute* tile = std::get_if<ir::TileCompute>(&kernel.compute))
      ++seen[std::string(info(tile->instruction).name)];
    if (const ir::LookupCompute* lookup = std::get_if<ir::LookupCompute>(&kernel.compute))
      ++seen[lookup->by_dot4 ? "by dot4" : "by bytes"];
    if (kernel.problem.w.scaling == ir::Scaling::row) ++seen["a scale an output"];
    if (kernel.problem.is_quantized() && kernel.problem.is_grouped())
      ++seen["groups, " + std::string(name(kernel.strategy()))];
    if (kernel.problem.is_quantized() && kernel.problem.sum_group() != kernel.problem.outer_group())
      ++seen["groups of groups"];
    if (kernel.problem.is_quantized() && kernel.problem.w.scale == ir::Element::f16) ++seen["f16 scales"];
    if (kernel.problem.w.zero_point != 0) ++seen["zero point"];
    if (kernel.problem.w.element == ir::Element::i2) ++seen["i2"];
    if (kernel.epilogue == ir::Epilogue::sums) ++seen["sums"];
    if (kernel.epilogue == ir::Epilogue::add_sums) ++seen["add sums"];
    if (kernel.epilogue == ir::Epilogue::residual) ++seen["residual"];
    if (kernel.epilogue == ir::Epilogue::gate) ++seen["gate"];
    if (kernel.quantizes_rows) ++seen[kernel.problem.m > 1 ? "rows quantised" : "a row quantised"];
    if (widen_every_k(kernel.compute) != 0) ++seen["widen"];
    if (kernel.schedule.prefetch_bytes != 0) ++seen["prefetch"];
    if (kernel.problem.m > 1) ++seen["rows"];
    const std::vector<ir::ScheduledLoop>& loops = kernel.schedule.loops;
    for (size_t i = 0; i + 1 < loops.size(); ++i) {
      ++seen[std::string(name(loops[i].kind)) + " " + name(loops[i].axis)];
      if (loops[i].kind == ir::LoopKind::unroll && loops[i + 1].kind == ir::LoopKind::unroll)
        ++seen[std::string(1, name(loops[i].axis)) + " outside " + name(loops[i + 1].axis)];
    }
  }
  for (const std::string wanted : {"b2",
                                   "b2h",
                                   "g2b4",
                                   "g3b5",
                                   "g3b5s",
                                   "g5b8",
                                   "g5b8s",
                                   "g5b8x",
                                   "planes",
                                   "b1",
                                   "dot",
                                   "lookup",
                                   "by dot4",
                                   "by bytes",
                                   "a scale an output",
                                   "groups, dot",
                                   "groups, lookup",
                                   "groups, tile",
                                   "groups, addsub",
                                   "groups of groups",
                                   "f16 scales",
                                   "zero point",
                                   "i2",
                                   "sums",
                                   "add sums",
                                   "residual",
                                   "gate",
                                   "rows quantised",
                                   "a row quantised",
                                   "tile",
                                   "addsub",
                                   "madd",
                                   "dot4",
                                   "mma_2x8x2",
                                   "mma_16x64x16",
                                   "mma_16x32x16",
                                   "fields per shift",
                                   "unpack fields",
                                   "unpack table",
                                   "unpack multiply",
                                   "i4 dense",
                                   "i8",
                                   "i8 dense",
                                   "f16 dense",
                                   "bf16 dense",
                                   "f32 dense",
                                   "zero point 0",
                                   "zero point 1",
                                   "widen",
                                   "prefetch",
                                   "rows",
                                   "parallel n",
                                   "parallel m",
                                   "for n",
                                   "for m",
                                   "for k",
                                   "unroll n",
                                   "unroll m",
                                   "unroll k",
                                   "m outside n",
                                   "n outside m",
                                   "n outside n"})
    EXPECT_GT(seen[wanted], 0) << wanted;
}

TEST(Lower, APassObserverSeesEveryPassInOrder) {
  Random random(3);
  const ir::Kernel kernel = testing::random_kernel(random, testing::listed_target("generic"));
  std::vector<std::string> passes;
  ir::Program last;
  const ir::Program program = lower(kernel, [&](std::string_view pass, const ir::Program& stage) {
    passes.emplace_back(pass);
    last = stage;
  });
  EXPECT_EQ(passes, (std::vector<std::string>{"lower strategy", "unroll loops", "insert prefetches"}));
  EXPECT_EQ(last, program);
}

TEST(Lower, PaddedRowsAreWholeTiles) {
  ir::Kernel kernel;
  kernel.problem.m = 10;
  kernel.schedule.loops = {{ir::LoopKind::parallel, ir::Axis::n, 8}};
  EXPECT_EQ(padded_rows(kernel), 10);
  kernel.schedule.loops.push_back({ir::LoopKind::sequential, ir::Axis::m, 4});
  kernel.schedule.loops.push_back({ir::LoopKind::unroll, ir::Axis::m, 1});
  EXPECT_EQ(padded_rows(kernel), 12);
}

// A repeated step of k is one more loop of one iteration, and no second widening.
TEST(Lower, AStepOfKMayBeRepeated) {
  const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(R"(kernel @twice {
  problem matmul m=1 n=8 k=64 {
    A: f32[m,k]  quantize i8 absmax per m
    W: trit[n,k]  scale f32 per tensor
    C: f32[m,n]  accumulate i32
  }
  layout {
    W: b2 [n/8, k/16, n%8, k%4, k%16/4] align 64
  }
  schedule {
    for k by 16
    unroll k by 16
    vector n by 8
  }
  compute dot W*A { zero point 1, correct -sum_k A, partial i16, widen every k 16 }
  epilogue C = f32(acc) / sa[m] * sw
}
)");
  ASSERT_TRUE(parsed) << parsed.error().text();
  ASSERT_TRUE(ir::verify(parsed->kernel).empty());
  Random random(4);
  const ir::MatmulInputs inputs = testing::random_inputs(parsed->kernel.problem, random.engine());
  EXPECT_TRUE(testing::same_bits(testing::run_interpreted(parsed->kernel, lower(parsed->kernel), inputs),
                                 testing::expected_result(parsed->kernel, inputs)));
}

// Six codes of five trits fit the bytes that they are added in, and verify can prove it of no more.
TEST(Lower, SumsOfHalfTablesAreWidenedBeforeTheyOverflow) {
  const auto overflows = [](int64_t inputs) {
    const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(fmt::format(R"(kernel @half_table {{
  problem matmul m=1 n=16 k=210 {{
    A: f32[m,k]  quantize i8 absmax per m
    W: trit[n,k]  scale f32 per tensor
    C: f32[m,n]  accumulate i32
  }}
  layout {{
    W: g5b8s [n/16, k/{0}, k%{0}/5, n%16/8, n%4, n%8/4, k%5] align 64
  }}
  schedule {{
    for k by {0}
    unroll k by 5
    vector n by 16
  }}
  compute lookup T by W {{ partial i8, widen every k {0} }}
  epilogue C = f32(acc) / sa[m] * sw
}}
)",
                                                                           inputs));
    EXPECT_TRUE(parsed) << parsed.error().text();
    EXPECT_TRUE(ir::verify(parsed->kernel).empty());
    std::string found;
    for (const Error& error : ir::verify(lower(parsed->kernel))) found += error.text();
    return found;
  };
  EXPECT_EQ(overflows(30), "");
  EXPECT_THAT(overflows(35), ::testing::HasSubstr("may overflow i8: its values reach -140..140"));
}

}  // namespace
}  // namespace tern::codegen

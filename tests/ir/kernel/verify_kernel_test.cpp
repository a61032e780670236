// Each thing that verify(kernel) refuses, by a kernel that is right but for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/kernel/kernel.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "tests/support/text_edit.h"

namespace tern::ir {
namespace {

using testing::replaced;

constexpr std::string_view ternary = R"(kernel @ternary {
  problem matmul m=4 n=64 k=256 {
    A: f32[m,k]  quantize i8 absmax per m
    W: trit[n,k]  scale f32 per tensor
    C: f32[m,n]  accumulate i32
  }
  layout {
    W: b2 [n/32, k/64, k%64/16, n%32/8, n%8, k%4, k%16/4] align 64
  }
  schedule {
    parallel n by 32
    for m by 2
    for k by 64
    unroll k by 16
    unroll m by 1
    unroll n by 8
    vector n by 8
    prefetch W 4096 bytes ahead
  }
  compute dot W*A { zero point 1, correct -sum_k A, partial i16, widen every k 64 }
  epilogue C = f32(acc) / sa[m] * sw
}
)";

constexpr std::string_view grouped = R"(kernel @grouped {
  problem matmul m=1 n=64 k=96 {
    A: f32[m,k]
    W: i8[n,k]  scale f32 per k 32
    C: f32[m,n]  accumulate f32
  }
  layout {
    W: i8 [n/8, k, n%8] align 64
    S: f32 [n/8, k, n%8] align 64
  }
  schedule {
    parallel n by 8
    for k by 32
    for k by 1
    vector n by 8
  }
  compute madd W*A
  epilogue C = acc
}
)";

constexpr std::string_view mirrored = R"(kernel @mirrored {
  problem matmul m=1 n=32 k=60 {
    A: f32[m,k]  quantize i8 absmax per m
    W: trit[n,k]  scale f32 per tensor
    C: f32[m,n]  accumulate i32
  }
  layout {
    W: g5b8s [n/16, k/30, k%30/5, n%16/8, n%4, n%8/4, k%5] align 64
  }
  schedule {
    parallel n by 16
    for k by 30
    unroll k by 5
    vector n by 16
  }
  compute lookup T by W { partial i8, widen every k 30 }
  epilogue C = f32(acc) / sa[m] * sw
}
)";

constexpr std::string_view groups = R"(kernel @groups {
  problem matmul m=1 n=16 k=256 {
    A: f32[m,k]  quantize i8 absmax per k 64
    W: i2[n,k]  scale f16 per k 128
    C: f32[m,n]  accumulate i32 per k 64, then f32 ascending
  }
  layout {
    W: b2 [n/16, k/16, n%16, k%4, k%16/4] align 64
    S: f16 [n/16, k, n%16] align 64
  }
  schedule {
    parallel n by 16
    for k by 128
    for k by 64
    for k by 32
    unroll k by 16
    vector n by 16
  }
  compute dot W*A { zero point 1, correct -sum_k A, partial i16, widen every k 32 }
  epilogue C = sum_g(f32(acc) * S[n,g] * da[m,g])
}
)";

std::vector<std::string> found_in(const std::string& text) {
  const Expected<ParsedKernel> parsed = parse_kernel(text, "f");
  EXPECT_TRUE(parsed) << parsed.error().text();
  std::vector<std::string> messages;
  if (!parsed) return messages;
  for (const Error& error : verify(parsed->kernel, parsed->places)) messages.push_back(error.text());
  return messages;
}

struct Mistake {
  std::vector<std::pair<std::string_view, std::string_view>> edits;
  std::string error;  // with its place
};

void expect_refused(std::string_view right, const std::vector<Mistake>& mistakes) {
  EXPECT_THAT(found_in(std::string(right)), ::testing::IsEmpty());
  for (const Mistake& mistake : mistakes) {
    std::string text(right);
    for (const auto& [from, to] : mistake.edits) text = replaced(text, from, to);
    EXPECT_THAT(found_in(text), ::testing::Contains(mistake.error)) << text;
  }
}

TEST(VerifyKernel, Problems) {
  expect_refused(
      ternary, {
                   {{{"m=4", "m=0"}}, "f:2:3: m must be between 1 and 65536, not 0"},
                   {{{"m=4", "m=65537"}}, "f:2:3: m must be between 1 and 65536, not 65537"},
                   {{{"n=64", "n=-1"}}, "f:2:3: n must be between 1 and 16777216, not -1"},
                   {{{"n=64", "n=16777217"}}, "f:2:3: n must be between 1 and 16777216, not 16777217"},
                   {{{"k=256", "k=0"}}, "f:2:3: k must be between 1 and 1048576, not 0"},
                   {{{"k=256", "k=1048577"}}, "f:2:3: k must be between 1 and 1048576, not 1048577"},
                   {{{"  scale f32 per tensor", ""}, {" * sw", ""}},
                    "f:2:3: trit weights need a scale: per tensor, per n, or per group of k"},
                   {{{"accumulate i32", "accumulate f32"}, {"f32(acc) / sa[m] * sw", "acc"}},
                    "f:2:3: products with trit weights are summed in i32"},
                   {{{"  quantize i8 absmax per m", ""}, {" / sa[m]", ""}},
                    "f:2:3: activations are quantised exactly when sums are i32"},
                   {{{"scale f32", "scale f16"}}, "f:2:3: scales are f32, or f16 if there is one per group"},
                   {{{"scale f32", "scale bf16"}}, "f:2:3: scales are f32, or f16 if there is one per group"},
                   {{{"  scale f32", "  zero point 16  scale f32"}},
                    "f:2:3: the zero point must be between -15 and 15"},
               });
  expect_refused(
      grouped,
      {
          {{{"  scale f32 per k 32", ""}}, "f:2:3: i8 weights need a scale per group of k"},
          {{{"W: i8[n", "W: f16[n"}}, "f:2:3: floating-point weights have no scale"},
          {{{"W: i8[n", "W: i16[n"}}, "f:2:3: W cannot be i16"},
          {{{"W: i8[n", "W: u8[n"}}, "f:2:3: W cannot be u8"},
          {{{"per k 32", "per k 0"}}, "f:2:3: a group of inputs that share a scale must have at least one"},
          {{{"per k 32", "per k -8"}}, "f:2:3: a group of inputs that share a scale must have at least one"},
          {{{"per k 32", "per k 2000000"}},
           "f:2:3: a group of inputs that share a scale must have at least one"},
      });
}

TEST(VerifyKernel, GroupsOfExactSums) {
  const std::pair<std::string_view, std::string_view> no_128 = {"    for k by 128\n", ""},
                                                      no_64 = {"    for k by 64\n", ""};
  expect_refused(
      groups,
      {
          {{no_128}, "f:18:3: a scale every 128 inputs needs a loop 'k by 128'"},
          {{no_64}, "f:18:3: a scale every 64 inputs needs a loop 'k by 64'"},
          {{{"every k 32", "every k 128"}}, "f:19:3: partial sums of 128 inputs are more than a group of 64"},
          {{{"S: f16 [", "S: f32 ["}}, "f:9:5: scales are f16"},
          {{{"    S: f16 [n/16, k, n%16] align 64\n", ""}},
           "f:9:3: a layout S is needed exactly when weights have a scale per group"},
          {{{"scale f16 per k 128", "scale f16 per k 96"}},
           "f:2:3: the groups of A, 64, and of W, 96, must be multiples of one another"},
          {{{"scale f16", "scale bf16"}}, "f:2:3: scales are f32, or f16 if there is one per group"},
          {{{"per k 64\n", "per k 8\n"}, {"i32 per k 64", "i32 per k 8"}},
           "f:8:5: a group of 8 inputs is not whole vectors of b2, of 16 inputs each"},
          {{{"sum_g(f32(acc) * S[n,g] * da[m,g])", "i32(acc)"}},
           "f:20:3: with scales per group there is not one exact sum of all inputs"},
          {{{"b2 [n/16, k/16, n%16, k%4, k%16/4]", "g2b4 [n/16, k/16, n%16, k%4, k%16/4]"}},
           "f:8:5: packing g2b4 cannot hold i2"},
      });
  expect_refused(ternary,
                 {{{{"C = f32(acc) / sa[m] * sw", "C = i32(acc) then Q = C quantize i8 absmax per m"}},
                   "f:21:3: exact sums are not quantised"}});
}

TEST(VerifyKernel, NamesMustParseAgain) {
  Kernel kernel = parse_kernel(ternary)->kernel;
  for (const std::string name : {"", "7b", "a b", "x-y"}) {
    kernel.name = name;
    ASSERT_EQ(verify(kernel).size(), 1u) << name;
    EXPECT_EQ(verify(kernel)[0].message, "'" + name + "' is no name: letters, digits and '_' make one");
  }
}

TEST(VerifyKernel, Layouts) {
  expect_refused(
      ternary,
      {
          {{{"n/32,", "n/16,"}}, "f:8:5: n/16 leaves a gap: expected a divisor of 32"},
          {{{"align 64", "align 24"}}, "f:8:5: the alignment must be a power of two of at most 4096"},
          {{{"[n/32, k/64, k%64/16, n%32/8, n%8, k%4, k%16/4]", "[e/128, e%32, e%128/32]"}},
           "f:8:5: a kernel's layout has axes n and k, not the flattened e"},
          {{{"b2 [", "f16 ["}}, "f:8:5: packing f16 cannot hold trit"},
          {{{"align 64\n", "align 64\n    S: f32 [n, k] align 64\n"}},
           "f:9:5: a layout S is needed exactly when weights have a scale per group"},
          {{{"k/64,", "k/65536,"}, {"k%64/16", "k%65536/16"}},
           "f:8:5: k is padded to 65536, past the row of A, which has 512"},
          {{{"n/32,", "n/512,"}, {"n%32/8", "n%512/8"}},
           "f:8:5: n is padded to 512, past the row of C, which has 256"},
      });
  expect_refused(grouped,
                 {
                     {{{"i8 [n/8, k, n%8] align 64\n", "b2 [n/8, k/4, n%8, k%4] align 64\n"}},
                      "f:8:5: packing b2 cannot hold i8"},
                     {{{"i8 [n/8, k, n%8] align 64\n", "f32 [n/8, k, n%8] align 64\n"}},
                      "f:8:5: packing f32 cannot hold i8"},
                     {{{"    S: f32 [n/8, k, n%8] align 64\n", ""}},
                      "f:9:3: a layout S is needed exactly when weights have a scale per group"},
                     {{{"S: f32", "S: f16"}}, "f:9:5: scales are f32"},
                     {{{"S: f32 [n/8,", "S: f32 [n/4,"}}, "f:9:5: n/4 leaves a gap: expected a divisor of 8"},
                 });
}

TEST(VerifyKernel, PaddedSizesOfAbsurdLayoutsDoNotOverflow) {
  const std::string text = replaced(std::string(ternary), "[n/32, k/64, k%64/16, n%32/8,",
                                    "[n/1073741824, k/1073741824, k%1073741824/16, n%1073741824/8,");
  EXPECT_THAT(found_in(text),
              ::testing::Contains("f:8:5: n is padded to 1073741824, past the row of C, which has 256"));
  const std::string larger = replaced(text, "n/1073741824", "n/1073741832");
  EXPECT_THAT(found_in(larger),
              ::testing::Contains("f:8:5: n/1073741832: numbers must be between 1 and 1073741824"));
}

TEST(VerifyKernel, Loops) {
  std::string many;
  for (int i = 0; i < 16; ++i) many += "    for k by 64\n";
  expect_refused(
      ternary,
      {
          {{{"parallel n by 32", "parallel n by 0"}}, "f:11:5: a step must be between 1 and 16777216"},
          {{{"parallel n by 32", "parallel n by 99999999"}}, "f:11:5: a step must be between 1 and 16777216"},
          {{{"for m by 2", "for m by 2\n    for m by 3"}},
           "f:13:5: a step of 3 does not divide the enclosing tile of 2"},
          {{{"parallel n by 32", "parallel n by 12"}},
           "f:16:5: a step of 8 does not divide the enclosing tile of 12"},
          {{{"    vector n by 8\n", ""}}, "f:16:5: the innermost loop, and no other, is 'vector n'"},
          {{{"vector n by 8", "vector m by 1"}}, "f:17:5: the innermost loop, and no other, is 'vector n'"},
          {{{"unroll n by 8", "vector n by 8"}}, "f:16:5: the innermost loop, and no other, is 'vector n'"},
          {{{"    unroll n by 8\n", ""}},
           "f:16:5: the lanes of the vector do not cover the enclosing tile of 32"},
          {{{"    unroll n by 8\n", ""}, {"    parallel n by 32\n", ""}},
           "f:15:5: the lanes of the vector do not cover the enclosing tile of 64"},
          {{{"for k by 64", "parallel k by 64"}}, "f:13:5: k is summed over and cannot be parallel"},
          {{{"for m by 2", "parallel n by 32"}}, "f:12:5: parallel loops come first, at most one an axis"},
          {{{"unroll m by 1", "parallel m by 1"}}, "f:15:5: parallel loops come first, at most one an axis"},
          {{{"unroll m by 1", "for m by 1"}},
           "f:15:5: inside a loop over k, loops over m and n hold accumulators and must be unrolled"},
          {{{"    unroll k by 16\n    unroll m by 1\n", "    unroll m by 1\n    unroll k by 16\n"}},
           "f:15:5: loops over k must follow each other: the tile of accumulators is inside them all"},
          {{{"    for k by 64\n", ""}, {"    unroll k by 16\n", ""}},
           "f:2:3: the schedule has no loop over k"},
          {{{"    unroll m by 1\n", ""}}, "f:2:3: the innermost tile of m must be 1, not 2"},
          {{{"    unroll m by 1\n", ""}, {"    for m by 2\n", ""}},
           "f:2:3: the innermost tile of m must be 1, not 4"},
          {{{"for k by 64", many}}, "f:2:3: a schedule has 1 to 16 loops"},
          {{{"prefetch W 4096", "prefetch W -64"}},
           "f:18:5: the prefetch distance must be between 0 and 1 MiB"},
          {{{"prefetch W 4096", "prefetch W 1048577"}},
           "f:18:5: the prefetch distance must be between 0 and 1 MiB"},
      });
  Kernel empty = parse_kernel(ternary)->kernel;
  empty.schedule.loops.clear();
  ASSERT_EQ(verify(empty).size(), 1u);
  EXPECT_EQ(verify(empty)[0].message, "a schedule has 1 to 16 loops");
}

TEST(VerifyKernel, UnrollingIsBounded) {
  expect_refused(ternary, {
                              {{{"m=4", "m=65536"}, {"    for m by 2\n", ""}},
                               "f:2:3: unrolled loops lay out more than 4096 tiles one after the other"},
                              {{{"n=64", "n=1048576"}, {"parallel n by 32", "unroll n by 32"}},
                               "f:2:3: unrolled loops lay out more than 4096 tiles one after the other"},
                          });
}

TEST(VerifyKernel, TheInnermostTileIsWhatAVectorHolds) {
  expect_refused(ternary,
                 {
                     {{{"    unroll k by 16\n", ""}},
                      "f:2:3: the innermost tile of k must be 16, what a vector of b2 holds, not 64"},
                     {{{"unroll n by 8", "unroll n by 4"}, {"vector n by 8", "vector n by 4"}},
                      "f:8:5: for 4 lanes the layout must end in [n%4, k%4, k%16/4]"},
                     {{{"n%8, k%4, k%16/4", "k%16, n%8"}},
                      "f:8:5: for 8 lanes the layout must end in [n%8, k%4, k%16/4]"},
                     {{{"unroll n by 8", "unroll n by 1"}, {"vector n by 8", "vector n by 1"}},
                      "f:17:5: a vector has 2 to 256 lanes"},
                 });
  expect_refused(grouped, {
                              {{{"    for k by 1\n", ""}},
                               "f:2:3: the innermost tile of k must be 1, what a vector of i8 holds, not 32"},
                              {{{"i8 [n/8, k, n%8] align 64\n", "i8 [k, n] align 64\n"}},
                               "f:8:5: for 8 lanes the layout must end in [n%8]"},
                          });
}

TEST(VerifyKernel, LoopsKeepWithinTheLayout) {
  expect_refused(ternary, {
                              {{{"n=64", "n=65"}, {"n/32,", "n/8,"}, {"n%32/8, ", ""}},
                               "f:11:5: the loops cover 96 of n, the layout holds only 72"},
                              {{{"k=256", "k=200"},
                                {"for k by 64", "for k by 128"},
                                {"k/64, k%64/16,", "k/16,"},
                                {"every k 64", "every k 128"}},
                               "f:13:5: the loops cover 256 of k, the layout holds only 208"},
                              {{{"for k by 64", "for k by 32"}, {"widen every k 64", "widen every k 32"}},
                               "f:13:5: the loop crosses a border of the layout: 8 steps of 32 along k"},
                              {{{"parallel n by 32", "parallel n by 16"}},
                               "f:11:5: the loop crosses a border of the layout: 4 steps of 16 along n"},
                          });
}

TEST(VerifyKernel, ScalesLieAsTheLoopsWalk) {
  expect_refused(grouped, {
                              {{{"S: f32 [n/8, k, n%8]", "S: f32 [n, k]"}},
                               "f:9:5: the scales of 8 outputs must lie side by side"},
                              {{{"S: f32 [n/8, k, n%8]", "S: f32 [n/24, k, n%24]"}},
                               "f:12:5: the loop crosses a border of the layout of the scales"},
                              {{{"S: f32 [n/8, k, n%8]", "S: f32 [n/8, k/2, n%8, k%2]"}},
                               "f:9:5: the scales of 8 outputs must lie side by side"},
                              {{{"S: f32 [n/8, k, n%8]", "S: f32 [n/8, k/2, k%2, n%8]"}},
                               "f:13:5: the loop crosses a border of the layout of the scales"},
                              {{{"n=64", "n=60"},
                                {"parallel n by 8", "parallel n by 40\n    for n by 8"},
                                {"W: i8 [n/8, k, n%8]", "W: i8 [n/40, k, n%40/8, n%8]"}},
                               "f:12:5: the loop runs past the layout of the scales"},
                              {{{"k=96", "k=70"},
                                {"for k by 32", "for k by 64\n    for k by 32"},
                                {"W: i8 [n/8, k, n%8]", "W: i8 [n/8, k/64, k%64, n%8]"}},
                               "f:13:5: the loop runs past the layout of the scales"},
                          });
}

TEST(VerifyKernel, Compute) {
  expect_refused(
      ternary,
      {
          {{{"zero point 1,", "zero point 2,"}}, "f:20:3: the zero point must be 0 or 1"},
          {{{"zero point 1, correct -sum_k A,", "zero point 0,"}},
           "f:20:3: partial sums in i16 need unsigned codes: zero point 1"},
          {{{"widen every k 64", "widen every k 128"}},
           "f:20:3: widening every 128 inputs needs a loop 'k by 128'"},
          {{{"widen every k 64", "widen every k -1"}},
           "f:20:3: widening every -1 inputs needs a loop 'k by -1'"},
          {{{"dot W*A { zero point 1, correct -sum_k A, partial i16, widen every k 64 }", "madd W*A"}},
           "f:20:3: madd needs dense weights"},
      });
  expect_refused(
      grouped,
      {
          {{{"madd W*A", "dot W*A { zero point 1, correct -sum_k A }"}}, "f:17:3: dot needs ternary weights"},
          {{{"for k by 32", "for k by 96"}}, "f:17:3: a scale every 32 inputs needs a loop 'k by 32'"},
      });
}

TEST(VerifyKernel, RowsAreQuantisedWhole) {
  const std::pair<std::string_view, std::string_view> then = {
      "/ sa[m] * sw", "/ sa[m] * sw then Q = C quantize i8 absmax per m"};
  expect_refused(ternary,
                 {
                     {{then},
                      "f:11:5: rows of C are quantised whole, but calls share them out: make this 'for "
                      "n by 32', after all parallel loops"},
                 });
  const std::string quantized = replaced(std::string(ternary), then.first, then.second);
  for (const std::string loops : {"for n by 32\n    for m by 2", "parallel m by 2\n    for n by 32",
                                  "parallel n by 64\n    parallel m by 2\n    for n by 32"})
    EXPECT_THAT(found_in(replaced(quantized, "parallel n by 32\n    for m by 2", loops)),
                ::testing::IsEmpty());
  expect_refused(grouped, {
                              {{{"C = acc", "C = acc then Q = C quantize i8 absmax per m"}},
                               "f:18:3: dense products are written as they are: C = acc"},
                          });
}

TEST(VerifyKernel, LookUps) {
  expect_refused(mirrored, {
                               {{{"partial i8, widen every k 30", "by dot4"}},
                                "f:16:3: there are no tables by dot4 for the codes of g5b8s"},
                               {{{"g5b8s", "g5b8"}, {"partial i8", "partial i16"}},
                                "f:16:3: there are no tables for the codes of g5b8"},
                               {{{" { partial i8, widen every k 30 }", ""}},
                                "f:16:3: sums of look-ups are partial for a while: widen every k"},
                               {{{"n%16/8, n%4, n%8/4, k%5", "n%16, k%5"}},
                                "f:8:5: for 16 lanes the layout must end in [n%16/8, n%4, n%8/4, k%5]"},
                           });
}

TEST(VerifyKernel, MessagesDoWithoutPlaces) {
  Kernel kernel = parse_kernel(ternary)->kernel;
  kernel.schedule.loops[0].step = 12;
  ASSERT_FALSE(verify(kernel).empty());
  EXPECT_EQ(verify(kernel)[0].text(), "a step of 8 does not divide the enclosing tile of 12");
}

}  // namespace
}  // namespace tern::ir

// Kernels that verify(kernel) accepts, and refusals that no kernel text can show; for the other refusals see
// refused_kernels_test.cpp.
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

constexpr std::string_view half_table = R"(kernel @half_table {
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
  epilogue C = sum_g(sum_h(f32(acc) * da[m,h]) * S[n,g])
}
)";

std::vector<std::string> found_in(const std::string& text) {
  const Expected<ParsedKernel> parsed = parse_kernel(text, "f");
  EXPECT_TRUE(parsed) << parsed.error().text();
  std::vector<std::string> messages;
  if (!parsed) return messages;
  for (const Error& error : verify(parsed->kernel, parsed->locations)) messages.push_back(error.text());
  return messages;
}

TEST(VerifyKernel, AcceptsKernelsOfEveryKind) {
  for (const std::string_view text : {ternary, grouped, half_table, groups})
    EXPECT_THAT(found_in(std::string(text)), ::testing::IsEmpty()) << text;
}

TEST(VerifyKernel, NamesMustParseAgain) {
  Kernel kernel = parse_kernel(ternary)->kernel;
  for (const std::string name : {"", "7b", "a b", "x-y"}) {
    kernel.name = name;
    ASSERT_EQ(verify(kernel).size(), 1u) << name;
    EXPECT_EQ(verify(kernel)[0].message, "'" + name + "' is no name: letters, digits and '_' make one");
  }
}

TEST(VerifyKernel, AScheduleMayNotBeEmpty) {
  Kernel empty = parse_kernel(ternary)->kernel;
  empty.schedule.loops.clear();
  ASSERT_EQ(verify(empty).size(), 1u);
  EXPECT_EQ(verify(empty)[0].message, "a schedule has 1 to 16 loops");
}

TEST(VerifyKernel, RowsMayBeQuantisedWhereACallHasWholeOnes) {
  const std::string quantized =
      replaced(std::string(ternary), "/ sa[m] * sw", "/ sa[m] * sw then Q = C quantize i8 absmax per m");
  for (const std::string loops : {"for n by 32\n    for m by 2", "parallel m by 2\n    for n by 32",
                                  "parallel n by 64\n    parallel m by 2\n    for n by 32"})
    EXPECT_THAT(found_in(replaced(quantized, "parallel n by 32\n    for m by 2", loops)),
                ::testing::IsEmpty());
}

TEST(VerifyKernel, MessagesDoWithoutPlaces) {
  Kernel kernel = parse_kernel(ternary)->kernel;
  kernel.schedule.loops[0].step = 12;
  ASSERT_FALSE(verify(kernel).empty());
  EXPECT_EQ(verify(kernel)[0].text(), "a step of 8 does not divide the enclosing tile of 12");
}

}  // namespace
}  // namespace tern::ir

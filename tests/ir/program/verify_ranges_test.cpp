// The proofs that integers fit their types, at the very numbers where they stop holding.
#include "ir/program/verify_ranges.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/interpret.h"
#include "ir/program/verify_program.h"
#include "tests/support/random_program.h"

namespace tern::ir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Random;

std::vector<std::string> found_in(const std::string& text) {
  const Expected<Program> program = parse_program(text);
  EXPECT_TRUE(program) << program.error().text();
  std::vector<std::string> messages;
  if (!program) return messages;
  for (const Error& error : verify(*program)) messages.push_back(error.text());
  return messages;
}

// Registers for sums in i16 of products of codes of two bits and any i8, `trips` times.
std::string partial_sums(int64_t trips, int mask) {
  return fmt::format(R"(program @p {{
  input W: u8[16] align 1
  input A: i8[16] align 1
  register packed: u8x16
  register code: u8x16
  register a: i8x16
  register partial: i16x8
  partial = constant 0
  packed = load W[0]
  code = and packed, {}
  a = load A[0]
  for k in 0..{} {{
    partial = dot2 partial, code, a
  }}
}}
)",
                     mask, trips);
}

TEST(VerifyRanges, PartialSumsOfTwoBitCodesFitFor42Steps) {
  // One step adds at least 2 * 3 * -128 = -768: 42 of them give -32256, 43 give -33024.
  EXPECT_THAT(found_in(partial_sums(42, 3)), IsEmpty());
  EXPECT_THAT(
      found_in(partial_sums(43, 3)),
      ElementsAre(
          "line 13:5: `partial = dot2 partial, code, a` may overflow i16: its values reach -33024..32766"));
  // With codes of one bit, 2 * 1 * -128 each: 128 steps give -32768 exactly.
  EXPECT_THAT(found_in(partial_sums(128, 1)), IsEmpty());
  EXPECT_THAT(found_in(partial_sums(129, 1)), ::testing::SizeIs(1));
}

TEST(VerifyRanges, APairOfProductsMustFitByItself) {
  // 2 * 255 * -128 does not fit 16 bits, though sums that start high enough would.
  EXPECT_THAT(found_in(partial_sums(1, 255)),
              ElementsAre(::testing::HasSubstr("`partial = dot2 partial, code, a` may overflow i16")));
  EXPECT_THAT(found_in(partial_sums(1, 128)), IsEmpty());  // 2 * 128 * -128 == -32768
  EXPECT_THAT(found_in(partial_sums(1, 129)), ::testing::SizeIs(1));
}

// A sum of `trips` steps of dot4 of bytes with `promise` of A.
std::string sums(std::string_view outer, int64_t trips, std::string_view promise, int64_t bound) {
  return fmt::format(R"(program @p {{
  input W: u8[16] align 1
  input A: i8[16] align 1{}
  register w: u8x16
  register a: i8x16
  register sum: i32x4
  sum = constant 0
  {}
  w = load W[0]
  a = load A[0]
  for k in 0..{} {{
    sum = dot4 sum, w, a, {}
  }}
  {}
}}
)",
                     promise, outer, trips, bound, outer.empty() ? "" : "}");
}

TEST(VerifyRanges, SumsIn32Bits) {
  // A step adds at least 4 * 255 * -128 = -130560, and 2^31 / 130560 is 16448.25.
  EXPECT_THAT(found_in(sums("", 16448, "", 255)), IsEmpty());
  EXPECT_THAT(found_in(sums("", 16449, "", 255)), ::testing::SizeIs(1));
}

TEST(VerifyRanges, SumsGrowInAllLoopsAroundThem) {
  EXPECT_THAT(found_in(sums("for m in 0..16 {", 1028, "", 255)), IsEmpty());  // 16 * 1028 = 16448
  EXPECT_THAT(found_in(sums("for m in 0..16 {", 1029, "", 255)), ::testing::SizeIs(1));
  EXPECT_THAT(found_in(sums("parallel m in 0..16 {", 1028, "", 255)), IsEmpty());
  EXPECT_THAT(found_in(sums("parallel m in 0..16 {", 1029, "", 255)), ::testing::SizeIs(1));
}

TEST(VerifyRanges, PromisesOfInputsCount) {
  EXPECT_THAT(found_in(sums("", 2105376, " values -1..1", 255)), IsEmpty());  // 1020 each
  EXPECT_THAT(found_in(sums("", 2105377, " values -1..1", 255)), ::testing::SizeIs(1));
  EXPECT_THAT(found_in(sums("", 1, " values 5..5", 255)), IsEmpty());
}

TEST(VerifyRanges, AbsurdNumbersOfIterationsAreRefusedAndNothingElseHappens) {
  EXPECT_THAT(found_in(sums("", int64_t{1} << 40, "", 255)), ::testing::SizeIs(1));
  EXPECT_THAT(found_in(sums("for m in 0..1099511627776 {", int64_t{1} << 40, "", 255)),
              ::testing::Not(IsEmpty()));
}

TEST(VerifyRanges, TheBoundOfDot4IsKept) {
  EXPECT_THAT(
      found_in(sums("", 1, "", 254)),
      ElementsAre("line 11:5: `sum = dot4 sum, w, a, 254`: the second operand reaches 0..255, past what the "
                  "operation promises"));
  const auto signed_dot = [](int bound) {
    return found_in(fmt::format(R"(program @p {{
  input A: i8[16] align 1 values -7..4
  register a: i8x16
  register sum: i32x4
  sum = constant 0
  a = load A[0]
  sum = dot4 sum, a, a, {}
}}
)",
                                bound));
  };
  EXPECT_THAT(signed_dot(7), IsEmpty());
  EXPECT_THAT(signed_dot(6), ::testing::SizeIs(1));
}

// Statements between declarations that suit them all.
std::vector<std::string> verdict(std::string_view statements) {
  return found_in(fmt::format(R"(program @p {{
  input U: u8[64] align 1
  input B: i8[64] align 1
  input H: i16[64] align 1
  input I: i32[64] align 1 values -1000..1000
  register u: u8x16
  register v: u8x16
  register b: i8x16
  register c: i8x16
  register h: i16x8
  register i: i32x4
  register j: i32x4
  register x: f32x16
  x = constant 0
  u = load U[0]
  b = load B[0]
  h = load H[0]
  i = load I[0]
  j = constant 0
{}
}}
)",
                              statements));
}

TEST(VerifyRanges, EachOperation) {
  EXPECT_THAT(verdict("v = add u, u"),
              ElementsAre("line 20:3: `v = add u, u` may overflow u8: its values reach 0..510"));
  EXPECT_THAT(verdict("v = subtract u, u"),
              ElementsAre("line 20:3: `v = subtract u, u` may overflow u8: its values reach -255..255"));
  EXPECT_THAT(verdict("v = and u, 127 u = add v, v"), IsEmpty());
  EXPECT_THAT(verdict("v = and u, 128 u = add v, v"), ::testing::SizeIs(1));
  EXPECT_THAT(verdict("v = shift_right u, 1 u = add v, v"), IsEmpty());
  EXPECT_THAT(verdict("v = shift_right u, 7 c = convert v b = add c, c"), IsEmpty());
  EXPECT_THAT(verdict("c = convert u"),
              ElementsAre("line 20:3: `c = convert u` may overflow i8: its values reach 0..255"));
  EXPECT_THAT(verdict("v = and u, 127 c = convert v"), IsEmpty());
  EXPECT_THAT(verdict("v = convert b"),
              ElementsAre("line 20:3: `v = convert b` may overflow u8: its values reach -128..127"));
  EXPECT_THAT(verdict("c = constant 127 b = add c, c"), ::testing::SizeIs(1));
  EXPECT_THAT(verdict("c = constant 63 b = add c, c"), IsEmpty());
  EXPECT_THAT(verdict("j = add_pairs i, h"), IsEmpty());
  EXPECT_THAT(
      verdict("j = constant 2147483647 i = add_pairs j, h"),
      ElementsAre(
          "line 21:3: `i = add_pairs j, h` may overflow i32: its values reach 2147418111..2147549181"));
  EXPECT_THAT(verdict("c = splat B[0], 4 c = add c, b"), ::testing::SizeIs(1));
  EXPECT_THAT(verdict("j = constant 536870911 i = add_across j"), IsEmpty());
  EXPECT_THAT(verdict("j = constant -536870913 i = add_across j"),
              ElementsAre("line 21:3: `i = add_across j` may overflow i32: its values reach "
                          "-2147483652..-2147483652"));
  EXPECT_THAT(verdict("c = round_clamp x, 63 c = add c, c"), IsEmpty());
  EXPECT_THAT(verdict("c = round_clamp x, 64 b = add c, c"), ::testing::SizeIs(1));
}

TEST(VerifyRanges, OneOverflowIsReportedOnce) {
  EXPECT_THAT(verdict("v = add u, u v = and v, 3 c = convert v"), ::testing::SizeIs(1));
}

TEST(VerifyRanges, SumsThatStartAnewDoNotGrow) {
  EXPECT_THAT(verdict("for t in 0..1000000 { j = constant 0 j = add j, i }"), IsEmpty());
  EXPECT_THAT(verdict("for t in 0..1000000 { j = add j, i }"), IsEmpty());  // 1e9
  EXPECT_THAT(verdict("for t in 0..3000000 { j = add j, i }"), ::testing::SizeIs(1));
  EXPECT_THAT(verdict("for s in 0..1000 { j = constant 0 for t in 0..1000000 { j = add j, i } }"), IsEmpty());
  EXPECT_THAT(verdict("for t in 0..3000000 { j = add j, i j = subtract j, i }"), ::testing::Not(IsEmpty()))
      << "intervals do not know that it is the same i";
}

TEST(VerifyRanges, AccumulatorsThatFeedOnThemselvesAreRefused) {
  EXPECT_THAT(verdict("for t in 0..3 { i = add i, i }"),
              ElementsAre("line 20:3: i grows in this loop in a way that cannot be bounded"));
  EXPECT_THAT(verdict("for t in 0..3 { j = add j, i i = add i, j }"), ::testing::Not(IsEmpty()));
  EXPECT_THAT(verdict("for t in 0..3 { j = subtract i, j }"), ::testing::Not(IsEmpty()));
  EXPECT_THAT(verdict("for t in 0..3 { j = add i, j }"), ::testing::Not(IsEmpty()))
      << "only the first operand may grow";
  // A value that arrives an iteration late.
  EXPECT_THAT(verdict("v = constant 0 for t in 0..3 { c = convert v v = and u, 200 }"),
              ::testing::Not(IsEmpty()));
}

TEST(VerifyRanges, WhatIsProvedHoldsForExtremeInputs) {
  Random random(1);
  // The interpreter stops the test program at the first value that does not fit.
  for (int round = 0; round < 1500; ++round) {
    const Program program = testing::random_program(random, false);
    for (int inputs = 0; inputs < 4; ++inputs) {
      std::vector<std::vector<std::byte>> contents = testing::random_buffers(program, random);
      std::vector<std::byte*> buffers;
      for (std::vector<std::byte>& content : contents) buffers.push_back(content.data());
      SCOPED_TRACE(print(program));
      interpret(program, buffers, full_ranges(program));
    }
  }
}

}  // namespace
}  // namespace tern::ir

// Each thing that verify(program) refuses but overflow (verify_ranges_test.cpp), by a program that is right
// but for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "tests/support/text_edit.h"

namespace tern::ir {
namespace {

using testing::replaced;

constexpr std::string_view right = R"(program @right {
  input W: u8[256] align 64
  input A: i8[64] align 16 values -2..2
  input F: f32[64] align 4
  input H: f16[64] align 2
  output C: i32[64] align 4
  output R: f32[64] align 4
  register sum: i32x4[2]
  register pair: i16x8
  register code: u8x16
  register byte: i8x16
  register real: f32x4
  register other: f32x4
  register half: f16x4
  parallel n0 in 0..4 {
    sum[0] = constant 0
    sum[1] = constant 1
    pair = constant 0
    for k0 in 0..3 {
      prefetch W[64 * n0 + 16 * k0], 4096
      code = load W[64 * n0 + 16 * k0]
      code = shift_right code, 2
      code = and code, 3
      byte = splat A[4 * k0], 4
      sum[0] = dot4 sum[0], code, byte, 3
      pair = dot2 pair, code, byte
    }
    sum[0] = add_pairs sum[0], pair
    sum[1] = subtract sum[1], sum[1]
    store C[4 * n0], sum[0]
    real = convert sum[1]
    other = splat F[n0], 1
    real = multiply real, other
    real = divide real, other
    half = load H[16 * n0]
    other = convert half
    real = add real, other
    store R[16 * n0], real
  }
}
)";

std::vector<std::string> found_in(const Program& program) {
  std::vector<std::string> messages;
  for (const Error& error : verify(program)) messages.push_back(error.text());
  return messages;
}

struct Mistake {
  std::string_view from, to;
  std::string error;  // with its place in the text
};

void expect_refused(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    const Expected<Program> program = parse_program(replaced(std::string(right), mistake.from, mistake.to));
    ASSERT_TRUE(program) << program.error().text();
    EXPECT_THAT(found_in(*program), ::testing::Contains(mistake.error)) << mistake.to;
  }
}

TEST(VerifyProgram, AcceptsWhatIsRight) {
  EXPECT_THAT(found_in(*parse_program(right)), ::testing::IsEmpty());
}

TEST(VerifyProgram, Declarations) {
  expect_refused({
      {"W: u8[256]", "W: u8[0]", "line 2:3: a buffer holds between 1 and 1099511627776 elements"},
      {"W: u8[256]", "W: u8[1099511627777]", "line 2:3: a buffer holds between 1 and 1099511627776 elements"},
      {"align 16", "align 0", "line 3:3: an alignment is a power of two of at most 4096"},
      {"align 16", "align 12", "line 3:3: an alignment is a power of two of at most 4096"},
      {"align 16", "align 8192", "line 3:3: an alignment is a power of two of at most 4096"},
      {"values -2..2", "values 2..-2", "line 3:3: the promised values do not fit the buffer's element"},
      {"values -2..2", "values -129..2", "line 3:3: the promised values do not fit the buffer's element"},
      {"values -2..2", "values 0..128", "line 3:3: the promised values do not fit the buffer's element"},
      {"F: f32[64] align 4", "F: f32[64] align 4 values 0..1",
       "line 4:3: the promised values do not fit the buffer's element"},
      {"C: i32[64] align 4", "C: i32[64] align 4 values 0..1",
       "line 6:3: values are promised of inputs and scratch only"},
      {"sum: i32x4[2]", "sum: i32x4[0]", "line 8:3: a register array holds 1 to 4096 registers"},
      {"sum: i32x4[2]", "sum: i32x4[4097]", "line 8:3: a register array holds 1 to 4096 registers"},
      {"register half: f16x4", "register half: f16x4\n  register F: f16x4",
       "line 15:3: 'F' is defined twice"},
      {"register half: f16x4", "register half: f16x4\n  register load: f16x4",
       "line 15:3: 'load' is a word of the language and cannot name a register"},
      {"register half: f16x4", "register half: f16x4\n  register unroll: f16x4",
       "line 15:3: 'unroll' is a word of the language and cannot name a register"},
  });
}

TEST(VerifyProgram, NamesMustParseAgain) {
  Program program = *parse_program(right);
  program.name = "x y";
  program.buffers[0] = {"", Element::u8, 256, 64};
  program.variables[1] = "n0";
  EXPECT_THAT(found_in(program),
              ::testing::ElementsAre("line 1:1: 'x y' is no name: letters, digits and '_' make one",
                                     "line 1:1: 'n0' is defined twice",
                                     "line 2:3: '' is no name: letters, digits and '_' make one"));
}

TEST(VerifyProgram, Types) {
  expect_refused({
      {"sum[0] = constant 0", "half = constant 0",
       "line 16:5: `half = constant 0`: the type has no constants"},
      {"pair = constant 0", "pair = constant 32768",
       "line 18:5: `pair = constant 32768`: the constant does not fit its type"},
      {"pair = constant 0", "code = constant -1",
       "line 18:5: `code = constant -1`: the constant does not fit its type"},
      {"pair = constant 0", "real = constant 16777217",
       "line 18:5: `real = constant 16777217`: f32 may not hold the constant exactly"},
      {"code = load W", "byte = load W",
       "line 21:7: `byte = load W[64 * n0 + 16 * k0]`: the buffer's elements are of another type"},
      {"byte = splat A", "code = splat A",
       "line 24:7: `code = splat A[4 * k0], 4`: the buffer's elements are of another type"},
      {"splat A[4 * k0], 4", "splat A[4 * k0], 2",
       "line 24:7: `byte = splat A[4 * k0], 2`: splat repeats 1, 4 or 8 elements over a multiple of as many "
       "lanes"},
      {"store C[4 * n0], sum[0]", "store C[4 * n0], real",
       "line 30:5: `store C[4 * n0], real`: the buffer's elements are of another type"},
      {"code = shift_right code", "byte = shift_right byte",
       "line 22:7: `byte = shift_right byte, 2`: u8, i16 and i32 are shifted"},
      {"code = and code", "code = and byte", "line 23:7: `code = and byte, 3`: masks work on u8"},
      {"subtract sum[1], sum[1]", "subtract sum[1], real",
       "line 29:5: `sum[1] = subtract sum[1], real`: all types must be the same"},
      {"real = add real, other", "half = add half, half",
       "line 37:5: `half = add half, half`: the type cannot be added"},
      {"real = multiply real, other", "sum[0] = multiply sum[0], sum[0]",
       "line 33:5: `sum[0] = multiply sum[0], sum[0]`: all types must be f32 of the same lanes"},
      {"real = divide real, other", "real = divide real, half",
       "line 34:5: `real = divide real, half`: all types must be f32 of the same lanes"},
      {"real = convert sum[1]", "real = convert code",
       "line 31:5: `real = convert code`: the lanes must be as many"},
      {"real = convert sum[1]", "real = convert real",
       "line 31:5: `real = convert real`: a conversion goes to f32, or from an integer to one at least as "
       "wide"},
      {"real = convert sum[1]", "half = convert sum[1]",
       "line 31:5: `half = convert sum[1]`: a conversion goes to f32, or from an integer to one at least as "
       "wide"},
      {"real = convert sum[1]", "real = absmax real, sum[1]",
       "line 31:5: `real = absmax real, sum[1]`: all types must be f32 of the same lanes"},
      {"real = convert sum[1]", "real = absmax_across sum[1]",
       "line 31:5: `real = absmax_across sum[1]`: both types must be f32"},
      {"real = convert sum[1]", "sum[1] = add_across pair",
       "line 31:5: `sum[1] = add_across pair`: both types must be i32"},
      {"real = convert sum[1]", "byte = round_clamp other, 127",
       "line 31:5: `byte = round_clamp other, 127`: f32 is rounded to i8 or i32 of the same lanes"},
      {"real = convert sum[1]", "real = round_clamp other, 127",
       "line 31:5: `real = round_clamp other, 127`: f32 is rounded to i8 or i32 of the same lanes"},
      {"sum[0] = dot4 sum[0], code", "sum[0] = dot4 pair, code",
       "line 25:7: `sum[0] = dot4 pair, code, byte, 3`: the accumulator must be i32 for dot4, i16 for dot2"},
      {"dot4 sum[0], code, byte", "dot4 sum[0], real, byte",
       "line 25:7: `sum[0] = dot4 sum[0], real, byte, 3`: the second operand must be u8, or i8 for dot4"},
      {"dot4 sum[0], code, byte", "dot4 sum[0], code, code",
       "line 25:7: `sum[0] = dot4 sum[0], code, code, 3`: the third operand must be i8"},
      {"pair = dot2 pair, code, byte", "pair = dot2 pair, byte, byte",
       "line 26:7: `pair = dot2 pair, byte, byte`: the second operand must be u8, or i8 for dot4"},
      {"pair = dot2 pair, code, byte", "sum[0] = dot2 sum[0], code, byte",
       "line 26:7: `sum[0] = dot2 sum[0], code, byte`: the accumulator must be i32 for dot4, i16 for dot2"},
      {"add_pairs sum[0], pair", "add_pairs sum[0], sum[1]",
       "line 28:5: `sum[0] = add_pairs sum[0], sum[1]`: add_pairs adds pairs of i16 lanes to half as many "
       "i32 lanes"},
  });
}

TEST(VerifyProgram, LanesThatDoNotMatch) {
  expect_refused({
      {"code: u8x16", "code: u8x8",
       "line 25:7: `sum[0] = dot4 sum[0], code, byte, 3`: the factors must have 4 (dot4) or 2 (dot2) lanes "
       "for one of the sum"},
      {"pair: i16x8", "pair: i16x4",
       "line 26:7: `pair = dot2 pair, code, byte`: the factors must have 4 (dot4) or 2 (dot2) lanes for one "
       "of the sum"},
      {"byte: i8x16", "byte: i8x15",
       "line 24:7: `byte = splat A[4 * k0], 4`: splat repeats 1, 4 or 8 elements over a multiple of as many "
       "lanes"},
  });
}

TEST(VerifyProgram, ImmediatesOutOfRange) {
  expect_refused({
      {"shift_right code, 2", "shift_right code, 8",
       "line 22:7: `code = shift_right code, 8`: a shift is by fewer bits than the type has"},
      {"shift_right code, 2", "shift_right code, -1",
       "line 22:7: `code = shift_right code, -1`: a shift is by fewer bits than the type has"},
      {"and code, 3", "and code, 256", "line 23:7: `code = and code, 256`: the mask must be one of u8"},
      {"and code, 3", "and code, -1", "line 23:7: `code = and code, -1`: the mask must be one of u8"},
      {"byte, 3\n", "byte, 0\n",
       "line 25:7: `sum[0] = dot4 sum[0], code, byte, 0`: the bound must be between 1 and 255"},
      {"byte, 3\n", "byte, 256\n",
       "line 25:7: `sum[0] = dot4 sum[0], code, byte, 256`: the bound must be between 1 and 255"},
      {"real = convert sum[1]", "sum[1] = round_clamp real, 0",
       "line 31:5: `sum[1] = round_clamp real, 0`: the bound must be between 1 and 4194304"},
      {"real = convert sum[1]", "sum[1] = round_clamp real, 4194305",
       "line 31:5: `sum[1] = round_clamp real, 4194305`: the bound must be between 1 and 4194304"},
      {"k0], 4096", "k0], -1",
       "line 20:7: `prefetch W[64 * n0 + 16 * k0], -1`: the distance is out of range"},
  });
}

TEST(VerifyProgram, Bounds) {
  expect_refused({
      {"load W[64 * n0 + 16 * k0]", "load W[64 * n0 + 16 * k0 + 17]",
       "line 21:7: load may touch elements 17..256 of W, which has 256"},
      {"load W[64 * n0 + 16 * k0]", "load W[64 * n0 + 16 * k0 + -1]",
       "line 21:7: load may touch elements -1..238 of W, which has 256"},
      {"load W[64 * n0 + 16 * k0]", "load W[65 * n0 + 16 * k0 + 14]",
       "line 21:7: load may touch elements 14..256 of W, which has 256"},
      {"splat A[4 * k0], 4", "splat A[29 * k0 + 3], 4",
       "line 24:7: splat may touch elements 3..64 of A, which has 64"},
      {"store C[4 * n0]", "store C[20 * n0 + 1]",
       "line 30:5: store may touch elements 1..64 of C, which has 64"},
      {"store C[4 * n0]", "store C[-4 * n0]",
       "line 30:5: store may touch elements -12..3 of C, which has 64"},
      {"n0 in 0..4", "n0 in 0..5", "line 21:7: load may touch elements 0..303 of W, which has 256"},
      {"sum[1] = constant 1", "sum[2] = constant 1",
       "line 17:5: an index into sum may leave its 2 registers"},
      {"sum[1] = constant 1", "sum[-1] = constant 1",
       "line 17:5: an index into sum may leave its 2 registers"},
      {"sum[1] = constant 1", "sum[n0] = constant 1",
       "line 17:5: an index into sum may leave its 2 registers"},
      {"store C[4 * n0], sum[0]", "store C[4 * n0], sum[2]",
       "line 30:5: an index into sum may leave its 2 registers"},
      {"store C[4 * n0]", "store C[4611686018427387904 * n0]",
       "line 30:5: the address uses a variable out of scope, or its numbers are too large"},
      {"store C[4 * n0]", "store C[4 * k0]",
       "line 30:5: the address uses a variable out of scope, or its numbers are too large"},
  });
}

TEST(VerifyProgram, APrefetchMayReachPastTheEnd) {
  const Program program = *parse_program(replaced(std::string(right), "k0], 4096", "k0 + 1000], 4096"));
  EXPECT_THAT(found_in(program), ::testing::IsEmpty());
}

TEST(VerifyProgram, InputsAreNotWritten) {
  expect_refused({{"store R[16 * n0], real", "store F[16 * n0], real",
                   "line 38:5: F is an input and cannot be written"}});
}

TEST(VerifyProgram, Loops) {
  expect_refused({
      {"k0 in 0..3", "k0 in 0..0", "line 19:5: a loop runs 1 to 1099511627776 times"},
      {"k0 in 0..3", "k0 in 0..1099511627777", "line 19:5: a loop runs 1 to 1099511627776 times"},
  });
  const Expected<Program> inside = parse_program(
      "program @p { register x: f32x4 for a in 0..2 { parallel b in 0..2 { x = constant 0 } } }");
  EXPECT_THAT(found_in(*inside),
              ::testing::ElementsAre("line 4:5: a parallel loop may stand only inside parallel loops"));

  Program program = *parse_program(right);
  Loop& outer = std::get<Loop>(program.body[0]);
  outer.kind = LoopKind::vector;
  EXPECT_THAT(found_in(program), ::testing::ElementsAre("line 15:3: vector loops belong to schedules"));
  outer.kind = LoopKind::sequential;
  outer.variable = 1;
  EXPECT_THAT(found_in(program), ::testing::Contains("line 19:5: a loop needs a variable of its own"));
  outer.variable = 2;
  EXPECT_THAT(found_in(program), ::testing::ElementsAre("line 15:3: a loop needs a variable of its own"));
}

TEST(VerifyProgram, ParallelLoopsNestAndStandInARow) {
  for (const std::string_view body :
       {"parallel a in 0..2 { parallel b in 0..2 { x = constant 0 } parallel c in 0..2 { x = constant 0 } }",
        "parallel a in 0..2 { x = constant 0 } parallel b in 0..2 { x = constant 0 }"}) {
    const Expected<Program> program =
        parse_program("program @p { register x: f32x4 " + std::string(body) + "}");
    ASSERT_TRUE(program) << program.error().text();
    EXPECT_THAT(found_in(*program), ::testing::IsEmpty());
  }
}

TEST(VerifyProgram, ValuesThatNoTextCanSay) {
  const auto with = [](const auto& change) {
    Program program = *parse_program(right);
    change(std::get<Instruction>(std::get<Loop>(program.body[0]).body[0]));
    return found_in(program);
  };
  EXPECT_THAT(with([](Instruction& i) { i.operands.resize(1); }),
              ::testing::ElementsAre("line 16:5: constant takes 0 operands"));
  EXPECT_THAT(with([](Instruction& i) { i.result.array = 99; }),
              ::testing::ElementsAre("line 16:5: an operand names no register"));
  EXPECT_THAT(with([](Instruction& i) { i.result.array = -1; }),
              ::testing::ElementsAre("line 16:5: an operand names no register"));
  EXPECT_THAT(with([](Instruction& i) {
                i = {Op::load, {0, {}}, {}, 99, {}, 0};
              }),
              ::testing::Contains("line 16:5: the operation names no buffer"));
  EXPECT_THAT(with([](Instruction& i) {
                i = {Op::load, {0, {}}, {}, 4, {0, {{7, 1}}}, 0};
              }),
              ::testing::Contains(
                  "line 16:5: the address uses a variable out of scope, or its numbers are too large"));
}

TEST(VerifyProgram, RegistersAreWrittenBeforeTheyAreRead) {
  expect_refused({
      {"    sum[0] = constant 0\n", "",
       "line 24:7: `sum[0] = dot4 sum[0], code, byte, 3` reads sum before it is written"},
      {"    pair = constant 0\n", "",
       "line 25:7: `pair = dot2 pair, code, byte` reads pair before it is written"},
      {"real = convert sum[1]", "real = multiply real, other",
       "line 31:5: `real = multiply real, other` reads real before it is written"},
      {"      code = load W[64 * n0 + 16 * k0]\n", "",
       "line 21:7: `code = shift_right code, 2` reads code before it is written"},
  });
}

TEST(VerifyProgram, WhatAParallelLoopWritesIsNotKnownAfterIt) {
  const auto verdict = [](std::string_view kind) {
    return found_in(*parse_program("program @p { output C: f32[4] align 4 register x: f32x4 " +
                                   std::string(kind) + " a in 0..2 { x = constant 0 } store C[0], x }"));
  };
  EXPECT_THAT(verdict("for"), ::testing::IsEmpty());
  EXPECT_THAT(verdict("parallel"),
              ::testing::ElementsAre("line 7:3: `store C[0], x` reads x before it is written"));
}

TEST(VerifyProgram, AllThatIsWrongIsFoundAtOnce) {
  std::string text = replaced(std::string(right), "shift_right code, 2", "shift_right code, 9");
  text = replaced(text, "and code, 3", "and code, 999");
  EXPECT_EQ(found_in(*parse_program(text)).size(), 2u);
}

}  // namespace
}  // namespace tern::ir

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/program/program.h"
#include "tests/support/random_program.h"
#include "tests/support/text_edit.h"

namespace tern::ir {
namespace {

using testing::Random;
using testing::replaced;

constexpr std::string_view example = R"(program @example {
  input W: u8[256] align 64
  input A: i8[64] align 16 values -127..127
  output C: i32[16] align 4
  register sum: i32x4[2]
  register packed: u8x16
  parallel n0 in 0..2 {
    sum[0] = constant -5
    for k0 in 0..3 {
      prefetch W[64 * n0 + 16 * k0], 4096
      packed = load W[64 * n0 + 16 * k0 + 32]
      packed = shift_right packed, 2
      packed = and packed, 3
      unroll m0 in 0..2 {
        sum[m0] = constant 0
        sum[-1 * m0 + 1] = add_pairs sum[0], packed
      }
    }
    store C[4 * n0], sum[0]
  }
}
)";

TEST(ProgramText, SaysWhatTheProgramIs) {
  const Expected<Program> parsed = parse_program(example);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->name, "example");
  ASSERT_EQ(parsed->buffers.size(), 3u);
  EXPECT_EQ(parsed->buffers[1], (Buffer{"A", Element::i8, 64, 16, BufferKind::input, -127, 127}));
  EXPECT_EQ(parsed->buffers[2].kind, BufferKind::output);
  EXPECT_EQ(parsed->registers[0], (RegisterArray{"sum", {Element::i32, 4}, 2}));
  EXPECT_EQ(parsed->registers[1].count, 1);
  EXPECT_EQ(parsed->variables, (std::vector<std::string>{"n0", "k0", "m0"}));
  const Loop& outer = std::get<Loop>(parsed->body.at(0));
  EXPECT_EQ(outer.kind, LoopKind::parallel);
  EXPECT_EQ(outer.trips, 2);
  const Loop& inner = std::get<Loop>(outer.body.at(1));
  const Instruction& prefetch = std::get<Instruction>(inner.body.at(0));
  EXPECT_EQ(prefetch, (Instruction{Op::prefetch, {}, {}, 0, {0, {{0, 64}, {1, 16}}}, 4096}));
  const Instruction& shift = std::get<Instruction>(inner.body.at(2));
  EXPECT_EQ(shift, (Instruction{Op::shift_right, {1, {}}, {{1, {}}}, 0, {}, 2}));
  const Loop& unroll = std::get<Loop>(inner.body.at(4));
  EXPECT_EQ(std::get<Instruction>(unroll.body.at(1)).result, (RegisterUse{0, {1, {{2, -1}}}}));
  EXPECT_EQ(print(*parsed), example);
}

TEST(ProgramText, EveryProgramPrintedParsesBackToItself) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    const Program program = testing::random_program(random, true);
    const Expected<Program> parsed = parse_program(print(program));
    ASSERT_TRUE(parsed) << parsed.error().text() << "\n" << print(program);
    ASSERT_EQ(*parsed, program) << print(program);
  }
}

TEST(ProgramText, PromisesOfOneValuePrint) {
  Program program = *parse_program(example);
  program.buffers[1].lowest = program.buffers[1].highest = 5;
  const Expected<Program> parsed = parse_program(print(program));
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(*parsed, program);
}

TEST(ProgramText, SumsAreGatheredAndSorted) {
  const std::string text =
      replaced(std::string(example), "W[64 * n0 + 16 * k0 + 32]", "W[3 + 16 * k0 + 29 + 60 * n0 + 4 * n0]");
  EXPECT_EQ(print(*parse_program(text)), example);
}

struct Mistake {
  std::string_view from, to;
  std::string error;  // with its place
};

TEST(ProgramText, EachSyntaxErrorHasItsPlace) {
  const Mistake mistakes[] = {
      {"program @example", "kernel @example", "f:1:1: expected 'program' but found 'kernel'"},
      {"@example", "@", "f:1:11: expected the program's name but found '{'"},
      {"A: i8[64]", "W: i8[64]", "f:3:9: 'W' is defined twice"},
      {"A: i8[64]", "A: trit[64]", "f:3:12: a buffer needs an element type"},
      {"A: i8[64]", "A: i7[64]", "f:3:12: a buffer needs an element type"},
      {"A: i8[64]", "A: i8[]", "f:3:15: expected a size in elements, a whole number, but found ']'"},
      {"align 16 values", "values", "f:3:19: expected 'align' but found 'values'"},
      {"values -127..127", "values -127.127",
       "f:3:36: expected the lowest value, a whole number, but found '127.127'"},
      {"sum: i32x4[2]", "sum: i32[2]", "f:5:17: expected a vector type such as i32x16"},
      {"sum: i32x4[2]", "sum: i32x0", "f:5:17: expected a vector type such as i32x16"},
      {"sum: i32x4[2]", "sum: i32x1025", "f:5:17: expected a vector type such as i32x16"},
      {"packed: u8x16", "sum: u8x16", "f:6:12: 'sum' is defined twice"},
      {"k0 in 0..3", "n0 in 0..3", "f:9:9: 'n0' is defined twice"},
      {"k0 in 0..3", "k0 in 1..3", "f:9:15: expected '0' but found '1'"},
      {"k0 in 0..3", "k0 in 0..many",
       "f:9:18: expected a number of iterations, a whole number, but found 'many'"},
      {"sum[0] = constant -5", "sum[0] constant -5", "f:8:12: expected '=' but found 'constant'"},
      {"sum[0] = constant -5", "sum[0] = constant",
       "f:9:5: expected an immediate, a whole number, but found 'for'"},
      {"sum[0] = constant -5", "sum[0] = konstant -5", "f:8:14: 'konstant' is no operation that fits here"},
      {"sum[0] = constant -5", "sum[0] = store -5", "f:8:14: 'store' is no operation that fits here"},
      {"sum[0] = constant -5", "constant -5", "f:8:5: 'constant' is not a register that was defined before"},
      {"sum[0] = constant -5", "total = constant -5",
       "f:8:5: 'total' is not a register that was defined before"},
      {"sum[0] = constant -5", "sum[k0] = constant -5",
       "f:8:9: 'k0' is not a loop variable that was defined before"},
      {"load W[64", "load V[64", "f:11:21: 'V' is not a buffer that was defined before"},
      {"k0 + 32]", "k0 + ]", "f:11:43: expected a loop variable but found ']'"},
      {"k0 + 32]", "k0", "f:12:7: expected ']' but found 'packed'"},
      {"k0 + 32]", "k0 + 9223372036854775807 + 1]", "f:11:65: the sum is too large"},
      {"k0 + 32]", "k0 + 9223372036854775807 * k0]", "f:11:43: the sum is too large"},
      {"k0 + 32]", "k0 + 9223372036854775808]", "f:11:43: a number is too large"},
      {"shift_right packed, 2", "shift_right packed 2", "f:12:35: expected ',' but found '2'"},
      {"    store C[4 * n0], sum[0]\n  }\n", "    store C[4 * n0], sum[0]\n",
       "f:21:1: expected a register but found the end"},
  };
  for (const Mistake& mistake : mistakes) {
    const Expected<Program> parsed =
        parse_program(replaced(std::string(example), mistake.from, mistake.to), "f");
    ASSERT_FALSE(parsed) << mistake.error;
    EXPECT_EQ(parsed.error().text(), mistake.error);
  }
}

TEST(ProgramText, NestingIsBounded) {
  std::string text = "program @deep {\n";
  for (int i = 0; i < 100000; ++i) text += "for a" + std::to_string(i) + " in 0..1 {\n";
  const Expected<Program> parsed = parse_program(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "loops are nested too deeply");
}

TEST(ProgramText, EveryPrefixIsRefusedAndEveryDamagedByteIsRefusedOrRead) {
  const std::string whole(example);
  for (size_t length = 0; length <= whole.rfind('}'); ++length)
    ASSERT_FALSE(parse_program(whole.substr(0, length))) << whole.substr(0, length);
  for (const char wrong : {'\0', '#', '9', 'm', '}', '\x80'}) {
    for (size_t place = 0; place < whole.size(); ++place) {
      std::string damaged = whole;
      damaged[place] = wrong;
      const Expected<Program> parsed = parse_program(damaged);
      if (!parsed) {
        EXPECT_GT(parsed.error().where.line, 0);
        continue;
      }
      for (const Error& error : verify(*parsed))
        EXPECT_GE(error.where.line, 1);  // says what is wrong and lives
    }
  }
}

TEST(ProgramText, RenumberingNamesCopiesApart) {
  Program program = *parse_program(R"(program @twice {
  output C: f32[8] align 4
  register x: f32x1
  for a in 0..2 {
    x = constant 1
    store C[a], x
  }
}
)");
  program.body.push_back(program.body[0]);
  renumber_variables(program);
  EXPECT_EQ(program.variables, (std::vector<std::string>{"a", "a_1"}));
  EXPECT_EQ(*parse_program(print(program)), program);
  EXPECT_TRUE(verify(program).empty());
}

TEST(Affine, AddsAndSubstitutes) {
  Affine affine{7, {}};
  affine.add(3, 5);
  affine.add(1, 2);
  affine.add(3, -1);
  EXPECT_EQ(affine, (Affine{7, {{1, 2}, {3, 4}}}));
  affine.add(1, -2);
  EXPECT_EQ(affine, (Affine{7, {{3, 4}}}));
  affine.substitute(2, 100);
  affine.substitute(3, 10);
  EXPECT_EQ(affine, (Affine{47, {}}));
}

}  // namespace
}  // namespace tern::ir

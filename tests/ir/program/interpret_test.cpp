// The meaning of every operation, against values worked out by hand.
#include "ir/program/interpret.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "ir/half.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"

namespace tern::ir {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// Buffers of a program under test; each holds what was put there.
class Memory {
 public:
  template <class T>
  Memory& add(std::vector<T> values) {
    std::vector<std::byte>& bytes = storage_.emplace_back(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return *this;
  }

  template <class T>
  std::vector<T> get(size_t buffer) const {
    std::vector<T> values(storage_[buffer].size() / sizeof(T));
    std::memcpy(values.data(), storage_[buffer].data(), storage_[buffer].size());
    return values;
  }

  void run(const std::string& text, std::optional<std::vector<Range>> ranges = {}) {
    const Expected<Program> program = parse_program(text);
    ASSERT_TRUE(program) << program.error().text();
    for (const Error& error : verify(*program)) ADD_FAILURE() << error.text();
    std::vector<std::byte*> buffers;
    for (std::vector<std::byte>& bytes : storage_) buffers.push_back(bytes.data());
    interpret(*program, buffers, ranges ? *ranges : full_ranges(*program));
  }

 private:
  std::vector<std::vector<std::byte>> storage_;
};

// What `statements` leave in the register r, an i32x4, after loading b = B, an i8x16, and u = U, a u8x16.
std::vector<int32_t> result_of(const std::string& statements) {
  Memory memory;
  memory.add<int8_t>({-128, 127, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
      .add<uint8_t>({0, 255, 128, 127, 1, 2, 3, 4, 0x95, 0x45, 0x55, 0xaa, 9, 9, 9, 9})
      .add<int16_t>({-32768, -32768, 32767, 32767, -1, 1, 100, -200})
      .add<int32_t>({1, -2, 30, -40})
      .add<int32_t>(std::vector<int32_t>(4));
  memory.run(R"(program @p {
  input B: i8[16] align 1
  input U: u8[16] align 1
  input H: i16[8] align 1
  input I: i32[4] align 1 values -100..100
  output R: i32[4] align 1
  register b: i8x16
  register u: u8x16
  register h: i16x8
  register b4: i8x4
  register u4: u8x4
  register h4: i16x4
  register i: i32x4
  register r: i32x4
  b = load B[0]
  u = load U[0]
  h = load H[0]
  i = load I[0]
)" + statements +
             " store R[0], r }");
  return memory.get<int32_t>(4);
}

TEST(Interpret, Constant) {
  EXPECT_THAT(result_of("r = constant -7"), ElementsAre(-7, -7, -7, -7));
}

TEST(Interpret, LoadAndSplat) {
  EXPECT_THAT(result_of("r = load I[0]"), ElementsAre(1, -2, 30, -40));
  EXPECT_THAT(result_of("r = splat I[2], 1"), ElementsAre(30, 30, 30, 30));
  EXPECT_THAT(result_of("r = splat I[0], 4"), ElementsAre(1, -2, 30, -40));
  // Four bytes, again and again: dot4 with ones adds them up in every lane.
  EXPECT_THAT(result_of("u = constant 1 b = splat B[4], 4 i = constant 0 r = dot4 i, u, b, 1"),
              ElementsAre(10, 10, 10, 10));
}

TEST(Interpret, IntegerConversions) {
  EXPECT_THAT(result_of("b4 = load B[0] r = convert b4"), ElementsAre(-128, 127, -1, 0));
  EXPECT_THAT(result_of("u4 = load U[0] r = convert u4"), ElementsAre(0, 255, 128, 127));
  EXPECT_THAT(result_of("u4 = load U[0] h4 = convert u4 r = convert h4"), ElementsAre(0, 255, 128, 127));
  EXPECT_THAT(result_of("u4 = load U[4] u4 = and u4, 127 b4 = convert u4 r = convert b4"),
              ElementsAre(1, 2, 3, 4));
}

TEST(Interpret, BitsOfBytes) {
  EXPECT_THAT(result_of("u4 = load U[8] u4 = and u4, 3 r = convert u4"), ElementsAre(1, 1, 1, 2));
  EXPECT_THAT(result_of("u4 = load U[8] u4 = shift_right u4, 6 r = convert u4"), ElementsAre(2, 1, 1, 2));
  EXPECT_THAT(result_of("u4 = load U[0] u4 = shift_right u4, 1 r = convert u4"), ElementsAre(0, 127, 64, 63));
  EXPECT_THAT(result_of("u4 = load U[0] u4 = shift_right u4, 0 r = convert u4"),
              ElementsAre(0, 255, 128, 127));
}

TEST(Interpret, SumsOfIntegers) {
  EXPECT_THAT(result_of("r = add i, i"), ElementsAre(2, -4, 60, -80));
  EXPECT_THAT(result_of("r = constant 1 r = subtract r, i"), ElementsAre(0, 3, -29, 41));
}

TEST(Interpret, Dot4) {
  // i + u[4i..4i+3] * b[4i..4i+3]
  EXPECT_THAT(result_of("r = dot4 i, u, b, 255"),
              ElementsAre(1 + 255 * 127 - 128, -2 + 1 + 4 + 9 + 16,
                          30 + 0x95 * 5 + 0x45 * 6 + 0x55 * 7 + 0xaa * 8, -40 + 9 * (9 + 10 + 11 + 12)));
  EXPECT_THAT(result_of("r = dot4 i, b, b, 128"),
              ElementsAre(1 + 16384 + 16129 + 1, -2 + 1 + 4 + 9 + 16, 30 + 25 + 36 + 49 + 64,
                          -40 + 81 + 100 + 121 + 144));
}

TEST(Interpret, Dot2AndWiden) {
  EXPECT_THAT(result_of("r = add_pairs i, h"), ElementsAre(1 - 65536, -2 + 65534, 30, -140));
  // h[i] = u[2i] * b[2i] + u[2i+1] * b[2i+1] with two bits of u, then neighbours added.
  EXPECT_THAT(
      result_of("u = and u, 3 h = constant 5 h = dot2 h, u, b r = add_pairs i, h"),
      ElementsAre(1 + (5 + 0 + 3 * 127) + (5 + 0 + 0), -2 + (5 + 1 + 4) + (5 + 9 + 0),
                  30 + (5 + 1 * 5 + 1 * 6) + (5 + 1 * 7 + 2 * 8), -40 + (5 + 9 + 10) + (5 + 11 + 12)));
}

// What `statements` leave in r, an f32x4, where x = 1.5, -2, 1e30, -0 and y = 2, 3, 1e30, 5.
std::vector<float> real_result_of(const std::string& statements) {
  Memory memory;
  memory.add<float>({1.5f, -2, 1e30f, -0.0f})
      .add<float>({2, 3, 1e30f, 5})
      .add<uint16_t>({f32_to_f16(1.5f), f32_to_f16(65504), 0x0001, 0xfc00})
      .add<uint16_t>({f32_to_bf16(1.5f), 0x0001, 0xff80, 0x8000})
      .add<int32_t>({16777217, -2147483647 - 1, 0, -3})
      .add<float>(std::vector<float>(4));
  memory.run(R"(program @p {
  input X: f32[4] align 1
  input Y: f32[4] align 1
  input H: f16[4] align 1
  input B: bf16[4] align 1
  input I: i32[4] align 1
  output R: f32[4] align 1
  register x: f32x4
  register y: f32x4
  register h: f16x4
  register b: bf16x4
  register i: i32x4
  register r: f32x4
  x = load X[0]
  y = load Y[0]
  h = load H[0]
  b = load B[0]
  i = load I[0]
)" + statements +
             " store R[0], r }");
  return memory.get<float>(5);
}

TEST(Interpret, FloatingPoint) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(real_result_of("r = constant -3"), ElementsAre(-3, -3, -3, -3));
  EXPECT_THAT(real_result_of("r = add x, y"), ElementsAre(3.5f, 1, 2e30f, 5));
  EXPECT_THAT(real_result_of("r = subtract x, y"), ElementsAre(-0.5f, -5, 0, -5));
  EXPECT_THAT(real_result_of("r = multiply x, y"), ElementsAre(3, -6, infinity, 0));
  EXPECT_THAT(real_result_of("r = divide x, y"), ElementsAre(0.75f, -2.0f / 3, 1, 0));
  EXPECT_TRUE(std::signbit(real_result_of("r = divide x, y")[3])) << "-0 / 5";
  EXPECT_THAT(real_result_of("r = convert h"), ElementsAre(1.5f, 65504, 0x1p-24f, -infinity));
  EXPECT_THAT(real_result_of("r = convert b"), ElementsAre(1.5f, 0x1p-133f, -infinity, 0));
  EXPECT_THAT(real_result_of("r = convert i"), ElementsAre(16777216, -2147483648.0f, 0, -3))
      << "ties to even";
}

TEST(Interpret, AbsmaxPutsNaNOnTop) {
  EXPECT_THAT(real_result_of("r = absmax x, y"), ElementsAre(2, 3, 1e30f, 5));
  EXPECT_THAT(real_result_of("r = absmax_across y"), ElementsAre(1e30f, 1e30f, 1e30f, 1e30f));
  EXPECT_FALSE(std::signbit(real_result_of("r = absmax x, x")[3])) << "of -0";
  // The infinities of H, and 0 / 0.
  const std::string divide = "x = convert h r = constant 0 r = divide r, r ";
  EXPECT_THAT(real_result_of("x = convert h r = absmax y, x"),
              ElementsAre(2, 65504, 1e30f, std::numeric_limits<float>::infinity()));
  for (const std::string absmax : {"r = absmax r, x", "r = absmax x, r", "r = absmax_across r"}) {
    for (const float value : real_result_of(divide + absmax)) EXPECT_TRUE(std::isnan(value)) << absmax;
  }
}

TEST(Interpret, Round) {
  const auto rounded = [](std::vector<float> values, int bound) {
    Memory memory;
    memory.add<float>(values).add<int8_t>(std::vector<int8_t>(8)).add<int32_t>(std::vector<int32_t>(8));
    memory.run(fmt::format(R"(program @p {{
  input X: f32[8] align 1
  output B: i8[8] align 1
  output S: i32[8] align 1
  register x: f32x8
  register b: i8x8
  register i: i32x8
  x = load X[0]
  b = round_clamp x, {0}
  store B[0], b
  i = round_clamp x, {0}
  i = add_across i
  store S[0], i
}}
)",
                           bound));
    const std::vector<int8_t> bytes = memory.get<int8_t>(1);
    EXPECT_EQ(memory.get<int32_t>(2),
              std::vector<int32_t>(8, std::accumulate(bytes.begin(), bytes.end(), 0)));
    return bytes;
  };
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(rounded({0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 0.50000006f, 126.5f, -0.0f}, 127),
              ElementsAre(0, 2, 2, 0, -2, 1, 126, 0));
  EXPECT_THAT(rounded({nan, -nan, infinity, -infinity, 127.4f, 127.5f, -1e30f, 1e-40f}, 127),
              ElementsAre(0, 0, 127, -127, 127, 127, -127, 0));
  EXPECT_THAT(rounded({nan, 2.4f, 2.6f, -2.6f, infinity, 3.5f, 0, 1}, 3),
              ElementsAre(0, 2, 3, -3, 3, 3, 0, 1));
}

TEST(Interpret, AProductAndASumAreRoundedEachByItself) {
  // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last part is lost before the sum takes 1 + 2^-11 away.
  Memory memory;
  memory.add<float>({1 + 0x1p-12f, -(1 + 0x1p-11f)}).add<float>({99});
  memory.run(R"(program @p {
  input X: f32[2] align 1
  output R: f32[1] align 1
  register x: f32x1
  register y: f32x1
  x = load X[0]
  y = load X[1]
  x = multiply x, x
  x = add x, y
  store R[0], x
}
)");
  EXPECT_THAT(memory.get<float>(1), ElementsAre(0));
}

TEST(Interpret, LoopsAddressesAndRegisterIndices) {
  Memory memory;
  memory.add<int32_t>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}).add<int32_t>(std::vector<int32_t>(12, -1));
  memory.run(R"(program @p {
  input I: i32[12] align 1
  output R: i32[12] align 1
  register r: i32x2[3]
  for a in 0..2 {
    for b in 0..3 {
      r[-1 * b + 2] = load I[6 * a + 2 * b]
    }
    prefetch I[6 * a], 100000
    for c in 0..3 {
      store R[-6 * a + 2 * c + 6], r[c]
    }
  }
}
)");
  EXPECT_THAT(memory.get<int32_t>(1), ElementsAre(11, 12, 9, 10, 7, 8, 5, 6, 3, 4, 1, 2));
}

constexpr const char* two_parallel_loops = R"(program @p {
  output R: i32[12] align 1
  register one: i32x1
  parallel a in 0..3 {
    parallel b in 0..4 {
      one = constant 1
      store R[4 * a + b], one
    }
  }
}
)";

TEST(Interpret, TheCallerPicksRangesOfParallelLoops) {
  const auto run = [](std::vector<Range> ranges) {
    Memory memory;
    memory.add<int32_t>(std::vector<int32_t>(12));
    memory.run(two_parallel_loops, std::move(ranges));
    return memory.get<int32_t>(0);
  };
  EXPECT_EQ(full_ranges(*parse_program(two_parallel_loops)), (std::vector<Range>{{0, 3}, {0, 4}}));
  EXPECT_THAT(run({{0, 3}, {0, 4}}), ElementsAreArray(std::vector<int32_t>(12, 1)));
  EXPECT_THAT(run({{1, 3}, {2, 3}}), ElementsAre(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0));
  EXPECT_THAT(run({{2, 2}, {0, 4}}), ElementsAreArray(std::vector<int32_t>(12, 0)));
  EXPECT_THAT(run({{0, 3}, {1, 1}}), ElementsAreArray(std::vector<int32_t>(12, 0)));
}

// The soundness test of verify_ranges relies on this.
TEST(InterpretDeathTest, StopsAtAValueThatDoesNotFit) {
  const Program program = *parse_program(R"(program @p {
  register b: i8x1
  b = constant 100
  b = add b, b
}
)");
  ASSERT_FALSE(verify(program).empty());
  EXPECT_DEATH(interpret(program, {}, {}), "200 does not fit i8");

  const Program past_bound = *parse_program(R"(program @p {
  register b: i8x4
  register r: i32x1
  b = constant -5
  r = constant 0
  r = dot4 r, b, b, 4
}
)");
  EXPECT_DEATH(interpret(past_bound, {}, {}), "-5 does not fit the bound of dot4");

  const Program pair = *parse_program(R"(program @p {
  register u: u8x2
  register b: i8x2
  register r: i16x1
  u = constant 255
  b = constant -100
  r = constant 30000
  r = dot2 r, u, b
}
)");
  EXPECT_DEATH(interpret(pair, {}, {}), "-51000 does not fit the pair of products of dot2");
}

}  // namespace
}  // namespace tern::ir

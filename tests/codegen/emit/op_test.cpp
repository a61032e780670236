// The op test: every operation, on every element and number of lanes that verify accepts, compiled for every
// target that this machine can run, gives the bits that the interpreter gives. Exhaustive where that is
// small: all bytes, all f16 and bf16 values, the corners of products and sums.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "codegen/jit/jit.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "tests/support/arm_harness.h"
#include "tests/support/program_call.h"
#include "tests/support/random.h"
#include "tests/support/runnable_targets.h"

namespace tern::codegen {
namespace {

using ir::Element;
using testing::Contents;
using testing::Random;

// An input buffer with a range of values that the proofs may count on.
struct Source {
  std::string name;
  Element element;
  int64_t size;
  int64_t lowest = 0, highest = 0;  // 0 and 0: any
};

constexpr int64_t size = 3072, every_half = 65536 + 64;
const std::vector<Source> sources = {
    {"u8", Element::u8, size},
    {"u8_too", Element::u8, size},
    {"u8_low", Element::u8, size, 0, 127},
    {"u8_high", Element::u8, size, 128, 255},
    {"u8_code", Element::u8, size, 0, 3},
    {"i8", Element::i8, size},
    {"i8_low", Element::i8, size, -64, 63},
    {"i8_positive", Element::i8, size, 0, 127},
    {"i8_trit", Element::i8, size, -1, 2},
    {"i16", Element::i16, size},
    {"i16_low", Element::i16, size, -16384, 16383},
    {"i16_small", Element::i16, size, -255, 255},
    {"i32", Element::i32, size},
    {"i32_trit", Element::i32, size, -1, 1},
    {"i32_small", Element::i32, size, -32768, 32767},
    {"i32_low", Element::i32, size, -1000000000, 1000000000},
    {"f16", Element::f16, every_half},
    {"bf16", Element::bf16, every_half},
    {"f32", Element::f32, size},
    {"f32_too", Element::f32, size},
    {"f32_near", Element::f32, size},  // to whole numbers and the halves between them
};

// One operation: what it reads (a source, and how many of its lanes belong to one of the result; or,
// negative, how many lanes it has whatever the result's), its text with {} for the operands, and the type of
// its result.
struct Case {
  std::vector<std::pair<std::string, int>> loads;
  std::string text;
  Element result;
};

std::vector<Case> cases_of(int lanes) {
  std::vector<Case> cases;
  for (int bits = 0; bits < 8; ++bits) {
    cases.push_back({{{"u8", 1}}, fmt::format("shift_right {{}}, {}", bits), Element::u8});
    cases.push_back({{{"u8", 1}}, fmt::format("and {{}}, {}", (1 << bits) - 1), Element::u8});
    cases.push_back({{{"u8", 1}}, fmt::format("and {{}}, {}", 255 - (37 << bits) % 256), Element::u8});
  }
  for (int bits = 0; bits < 8; ++bits)
    cases.push_back({{{"u8", 1}}, fmt::format("shift_left {{}}, {}", bits), Element::u8});
  for (const int bits : {0, 1, 7, 31})
    cases.push_back({{{"i32", 1}}, fmt::format("shift_right {{}}, {}", bits), Element::i32});
  for (const int bits : {0, 2, 15})
    cases.push_back({{{"i16", 1}}, fmt::format("shift_right {{}}, {}", bits), Element::i16});
  cases.push_back({{{"i32_trit", 1}}, "shift_left {}, 29", Element::i32});
  for (const int factor : {3, 1, 10, 243, 255}) {
    cases.push_back({{{"u8", 1}}, fmt::format("multiply_low {{}}, {}", factor), Element::u8});
    cases.push_back({{{"u8", 1}}, fmt::format("multiply_high {{}}, {}", factor), Element::u8});
  }
  cases.push_back({{{"u8", 1}, {"u8_too", 1}}, "bit_select {}, {}, 204", Element::u8});
  cases.push_back({{}, "table numbers", Element::u8});
  for (const int entries : {16, 32, 64, 128, 256}) {
    cases.push_back({{{"u8", -entries}, {"u8_too", 1}}, "lookup {}, {}", Element::u8});
    cases.push_back({{{"i8", -entries}, {"u8_too", 1}}, "lookup {}, {}", Element::i8});
  }
  cases.push_back({{{"i8_low", 1}, {"u8_too", 1}}, "apply_sign {}, {}", Element::i8});
  cases.push_back({{{"i16_small", 1}}, "shift_left {}, 7", Element::i16});
  if (lanes % 8 == 0) {
    cases.push_back({{{"u8", 2}, {"i8", 2}}, "bytes_to_i16 {}, {}, 0", Element::i16});
    cases.push_back({{{"u8", 2}, {"i8", 2}}, "bytes_to_i16 {}, {}, 1", Element::i16});
    for (const std::string op : {"add_where", "subtract_where"}) {
      cases.push_back({{{"i8_low", 1}, {"i8_low", 1}, {"u8", -lanes / 8}}, op + " {}, {}, {}", Element::i8});
      cases.push_back(
          {{{"i16_low", 1}, {"i16_low", 1}, {"u8", -lanes / 8}}, op + " {}, {}, {}", Element::i16});
      cases.push_back(
          {{{"i32_low", 1}, {"i32_low", 1}, {"u8", -lanes / 8}}, op + " {}, {}, {}", Element::i32});
    }
  }
  if (lanes % 16 == 0) {
    for (const int unit : {1, 2, 4, 8}) {
      cases.push_back(
          {{{"u8", 1}, {"u8_too", 1}}, fmt::format("interleave_low {{}}, {{}}, {}", unit), Element::u8});
      cases.push_back(
          {{{"i8", 1}, {"i8_low", 1}}, fmt::format("interleave_high {{}}, {{}}, {}", unit), Element::i8});
    }
  }
  if (lanes % 4 == 0) {
    cases.push_back({{{"i32", 1}, {"i32_low", 1}}, "interleave_low {}, {}, 8", Element::i32});
    cases.push_back({{{"i32", 1}, {"i32_low", 1}}, "interleave_high {}, {}, 4", Element::i32});
  }
  cases.push_back({{{"i8", 1}}, "flip_sign {}", Element::u8});
  for (const std::string from : {"i16", "i32"}) {
    cases.push_back({{{from, 1}}, "low_byte {}", Element::u8});
    cases.push_back({{{from == "i32" ? "i32_small" : from, 1}}, "high_byte {}", Element::i8});
  }
  if (lanes % 4 == 0)
    cases.push_back({{{"i32_low", 1}, {"i8", 4}, {"i8", 4}}, "dot8 {}, {}, {}", Element::i32});
  for (const Source& source : sources) {
    cases.push_back({{{source.name, 1}}, "", source.element});  // load and store alone
    if (source.lowest == 0 && source.highest == 0) {
      cases.push_back({{}, fmt::format("splat {}[{{place}}], 1", source.name), source.element});
      if (lanes % 4 == 0)
        cases.push_back({{}, fmt::format("splat {}[{{place}}], 4", source.name), source.element});
      if (lanes % 8 == 0)
        cases.push_back({{}, fmt::format("splat {}[{{place}}], 8", source.name), source.element});
    }
  }
  for (const Element element : {Element::u8, Element::i8, Element::i16, Element::i32}) {
    for (const int64_t value : {ir::lowest(element), ir::highest(element), int64_t{1}})
      cases.push_back({{}, fmt::format("constant {}", value), element});
  }
  for (const int64_t value : {0, 1, -3, 1 << 24})
    cases.push_back({{}, fmt::format("constant {}", value), Element::f32});

  for (const std::string op : {"add", "subtract"}) {
    for (const std::string source : {"i8_low", "i16_low", "i32_low"}) {
      const Element element = source[1] == '8' ? Element::i8 : source[1] == '1' ? Element::i16 : Element::i32;
      cases.push_back({{{source, 1}, {source, 1}}, op + " {}, {}", element});
    }
  }
  cases.push_back({{{"u8_low", 1}, {"u8_low", 1}}, "add {}, {}", Element::u8});
  cases.push_back({{{"u8_high", 1}, {"u8_low", 1}}, "subtract {}, {}", Element::u8});
  for (const std::string op : {"add", "subtract", "multiply", "divide"})
    cases.push_back({{{"f32", 1}, {"f32_too", 1}}, op + " {}, {}", Element::f32});

  cases.push_back({{{"f32", 1}}, "relu {}", Element::f32});
  for (const std::string source : {"f32", "f32_near"}) {
    cases.push_back({{{source, 1}, {"f32_too", 1}}, "absmax {}, {}", Element::f32});
    cases.push_back({{{source, 1}}, "absmax_across {}", Element::f32});
    cases.push_back({{{source, -7}}, "absmax_across {}", Element::f32});
    for (const int bound : {127, 1, 100})
      cases.push_back({{{source, 1}}, fmt::format("round_clamp {{}}, {}", bound), Element::i8});
    for (const int bound : {200, 5000, 1 << 22})
      cases.push_back({{{source, 1}}, fmt::format("round_clamp {{}}, {}", bound), Element::i32});
  }
  cases.push_back({{{"i32_small", 1}}, "add_across {}", Element::i32});
  cases.push_back({{{"i32_small", -7}}, "add_across {}", Element::i32});

  const std::pair<std::string, std::vector<Element>> conversions[] = {
      {"u8", {Element::u8, Element::i16, Element::i32, Element::f32}},
      {"u8_low", {Element::i8}},
      {"i8", {Element::i8, Element::i16, Element::i32, Element::f32}},
      {"i8_positive", {Element::u8}},
      {"i16", {Element::i16, Element::i32, Element::f32}},
      {"i32", {Element::i32, Element::f32}},
      {"f16", {Element::f32}},
      {"bf16", {Element::f32}},
  };
  for (const auto& [source, results] : conversions) {
    for (const Element result : results) cases.push_back({{{source, 1}}, "convert {}", result});
  }

  // Bounds on both sides of where 16 bits hold two products.
  const std::pair<std::string, int> factors[] = {{"u8", 255},    {"u8_low", 127}, {"u8_low", 128},
                                                 {"u8_code", 3}, {"i8", 128},     {"i8_trit", 2},
                                                 {"i8_low", 64}};
  for (const auto& [y, bound] : factors)
    cases.push_back(
        {{{"i32_low", 1}, {y, 4}, {"i8", 4}}, fmt::format("dot4 {{}}, {{}}, {{}}, {}", bound), Element::i32});
  for (const std::string y : {"u8_low", "u8_code"})
    cases.push_back({{{"i16_small", 1}, {y, 2}, {"i8", 2}}, "dot2 {}, {}, {}", Element::i16});
  cases.push_back({{{"i32_low", 1}, {"i16", 2}}, "add_pairs {}, {}", Element::i32});
  return cases;
}

const Source& source_named(const std::string& name) {
  return *std::find_if(sources.begin(), sources.end(),
                       [&](const Source& source) { return source.name == name; });
}

// A program of one loop for each case.
std::string text_of(const std::vector<Case>& cases, int lanes) {
  std::string text = "program @ops {\n", registers, body;
  for (const Source& source : sources) {
    text += fmt::format("  input {}: {}[{}] align 1", source.name, name(source.element), source.size);
    text += source.lowest == 0 && source.highest == 0
                ? "\n"
                : fmt::format(" values {}..{}\n", source.lowest, source.highest);
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& one = cases[i];
    int64_t trips = one.loads.empty() ? 3 : every_half;
    std::vector<std::string> operands;
    std::string loads;
    for (const auto& [from, multiple] : one.loads) {
      const Source& source = source_named(from);
      const std::string operand = fmt::format("x{}_{}", i, operands.size());
      const int width = multiple < 0 ? -multiple : multiple * lanes;
      registers += fmt::format("  register {}: {}x{}\n", operand, name(source.element), width);
      loads += fmt::format("    {} = load {}[{} * v{}]\n", operand, from, width, i);
      trips = std::min(trips, source.size / width);
      operands.push_back(operand);
    }
    registers += fmt::format("  register r{}: {}x{}\n", i, name(one.result), lanes);
    text += fmt::format("  output out{}: {}[{}] align 1\n", i, name(one.result), trips * lanes);
    std::string operation = one.text;
    for (const std::string& operand : operands) {
      if (const size_t place = operation.find("{}"); place != std::string::npos)
        operation.replace(place, 2, operand);
    }
    if (const size_t place = operation.find("{place}"); place != std::string::npos)
      operation.replace(place, 7, fmt::format("5 * v{} + 3", i));
    const std::string result = operation.empty() ? operands[0] : fmt::format("r{}", i);
    body += fmt::format("  for v{} in 0..{} {{\n{}", i, trips, loads);
    if (!operation.empty()) body += fmt::format("    {} = {}\n", result, operation);
    body += fmt::format("    store out{}[{} * v{}], {}\n  }}\n", i, lanes, i, result);
  }
  return text + "  table numbers: u8 {7}\n" + registers + body + "}\n";
}

template <class T>
void put(std::vector<std::byte>& content, int64_t index, T value) {
  std::memcpy(&content[index * sizeof(T)], &value, sizeof(T));
}

// Corners and everything between; all 65536 values of the 16-bit floats.
std::vector<std::byte> content_of(const ir::Buffer& buffer, Random& random) {
  std::vector<std::byte> content(buffer.size * size_in_bytes(buffer.element));
  if (buffer.kind != ir::BufferKind::input) return content;
  const int64_t low = buffer.has_promise() ? buffer.lowest : lowest(buffer.element);
  const int64_t high = buffer.has_promise() ? buffer.highest : highest(buffer.element);
  const std::vector<int64_t> corners = {low,
                                        low + 1,
                                        std::min<int64_t>(low + 2, high),
                                        high - 1,
                                        high,
                                        std::clamp<int64_t>(0, low, high),
                                        std::clamp<int64_t>(1, low, high),
                                        std::clamp<int64_t>(-1, low, high)};
  const std::vector<uint32_t> real_corners = {0,          0x80000000, 1,          0x80000001,
                                              0x007fffff, 0x00800000, 0x3f800000, 0x7f7fffff,
                                              0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001};
  int64_t run = 0, value = 0;
  for (int64_t i = 0; i < buffer.size; ++i) {
    switch (buffer.element) {
      case Element::f16:
      case Element::bf16: put(content, i, static_cast<uint16_t>(i)); continue;
      case Element::f32:
        if (buffer.name == "f32_near") {
          const float half = static_cast<float>(random.pick(-600, 600)) / 2;
          const float toward = random.choose(std::vector<float>{half, half - 1, half + 1});
          put(content, i, std::nextafter(half, toward));
          continue;
        }
        put(content, i,
            random.pick(0, 2) == 0 ? random.choose(real_corners)
                                   : static_cast<uint32_t>(random.pick(0, 0xffffffff)));
        continue;
      case Element::u8:
      case Element::i8:
      case Element::i16:
      case Element::i32:
      case Element::trit:
      case Element::sign:
      case Element::i2:
      case Element::i4: break;
    }
    // First all bytes; then corners, in runs, so that the products of a lane are extreme together.
    if (i < 256 && high - low <= 255) {
      value = low + i % (high - low + 1);
    } else if (run-- <= 0) {
      run = random.choose(std::vector<int64_t>{0, 0, 1, 3, 7});
      value = random.pick(0, 2) == 0 ? random.pick(low, high) : random.choose(corners);
    }
    if (size_in_bytes(buffer.element) == 1) put(content, i, static_cast<uint8_t>(value));
    if (size_in_bytes(buffer.element) == 2) put(content, i, static_cast<int16_t>(value));
    if (size_in_bytes(buffer.element) == 4) put(content, i, static_cast<int32_t>(value));
  }
  return content;
}

// Tiles have one size, and operations of their own.
constexpr const char* tiles_text = R"(program @tiles {
  input a: i8[4096] align 1
  input b: i8[4096] align 1
  output c: i32[1024] align 1
  scratch copy: i32[512] align 64
  register sum: i32x256[2]
  register x: i8x1024
  register y: i8x1024
  register row: i32x16
  for v0 in 0..2 {
    sum[0] = constant 0
    sum[1] = constant 0
    x = tile_load a[64 * v0], 128
    y = tile_load b[1000 * v0 + 3], 64
    sum[1] = tile_dot sum[1], x, y
    sum[0] = tile_dot sum[0], y, x
    y = tile_load a[7], 256
    sum[1] = tile_dot sum[1], x, y
    tile_store copy[16], sum[0], 32
    tile_store c[512 * v0], sum[1], 32
    for v1 in 0..16 {
      row = load copy[32 * v1 + 16]
      store c[512 * v0 + 32 * v1 + 16], row
    }
  }
}
)";

constexpr const char* half_tiles_text = R"(program @half_tiles {
  input a: i8[4096] align 1
  input b: i8[4096] align 1
  output c: i32[1024] align 1
  register sum: i32x256[2]
  register left: i8x512[2]
  register right: i8x512
  left[1] = tile_load a[5], 32
  for v0 in 0..2 {
    sum[0] = constant 0
    sum[1] = constant 0
    left[0] = tile_load a[32 * v0 + 1], 250
    right = tile_load_quads b[1000 * v0 + 3], 64
    sum[0] = tile_dot sum[0], left[0], right
    sum[1] = tile_dot sum[1], left[1], right
    right = tile_load_quads b[7], 400
    sum[0] = tile_dot sum[0], left[1], right
    tile_store c[512 * v0], sum[0], 32
    tile_store c[512 * v0 + 16], sum[1], 32
  }
}
)";

class TileOps : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Programs, TileOps, ::testing::Values(tiles_text, half_tiles_text));

TEST_P(TileOps, CompiledAndInterpretedGiveTheSameBits) {
  const Expected<ir::Program> program = ir::parse_program(GetParam());
  ASSERT_TRUE(program) << program.error().text();
  EXPECT_EQ(print(*program), GetParam());
  for (const Error& error : ir::verify(*program)) FAIL() << error.text();
  Random random(1);
  Contents contents;
  for (const ir::Buffer& buffer : parameters(*program)) contents.push_back(content_of(buffer, random));
  const Contents expected = testing::interpreted(*program, contents);
  for (const targets::Target& target : testing::runnable_targets()) {
    const Expected<Jit> jit = Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    const Expected<CompiledKernel> compiled = jit->compile(*program);
    ASSERT_TRUE(compiled) << compiled.error().text();
    EXPECT_TRUE(testing::executed(*compiled, contents) == expected) << target.name;
  }
}

// The cases for a number of lanes, in parts that have a buffer for each case in one program.
std::vector<std::vector<Case>> parts_of_cases(int lanes) {
  const std::vector<Case> all = cases_of(lanes);
  const size_t most = ir::max_parameters - sources.size();
  std::vector<std::vector<Case>> parts;
  for (size_t first = 0; first < all.size(); first += most) {
    const auto begin = all.begin() + static_cast<ptrdiff_t>(first);
    parts.emplace_back(begin, begin + static_cast<ptrdiff_t>(std::min(most, all.size() - first)));
  }
  return parts;
}

class OpTest : public ::testing::TestWithParam<int> {};

TEST_P(OpTest, EmulatedArmGivesTheSameBits) {
  if (const std::string reason = testing::why_no_arm_emulation(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<testing::ArmCall> calls;
  for (const std::vector<Case>& cases : parts_of_cases(GetParam())) {
    const Expected<ir::Program> program = ir::parse_program(text_of(cases, GetParam()));
    ASSERT_TRUE(program) << program.error().text();
    Random random(GetParam());
    Contents contents;
    for (const ir::Buffer& buffer : program->buffers) contents.push_back(content_of(buffer, random));
    calls.push_back(testing::interpreted_call(print(*program), *program, contents));
  }
  for (const targets::Target& target : testing::distinct_arm_targets())
    testing::expect_arm_agrees(target, calls);
}

TEST_P(OpTest, CompiledAndInterpretedGiveTheSameBits) {
  for (const std::vector<Case>& cases : parts_of_cases(GetParam())) {
    const Expected<ir::Program> program = ir::parse_program(text_of(cases, GetParam()));
    ASSERT_TRUE(program) << program.error().text();
    for (const Error& error : ir::verify(*program)) FAIL() << error.text();
    Random random(GetParam());
    Contents contents;
    for (const ir::Buffer& buffer : program->buffers) contents.push_back(content_of(buffer, random));
    const Contents expected = testing::interpreted(*program, contents);
    for (const targets::Target& target : testing::runnable_targets()) {
      const Expected<Jit> jit = Jit::make(target, std::nullopt);
      ASSERT_TRUE(jit) << jit.error().text();
      const Expected<CompiledKernel> compiled = jit->compile(*program);
      ASSERT_TRUE(compiled) << compiled.error().text();
      const Contents actual = testing::executed(*compiled, contents);
      for (size_t i = 0; i < cases.size(); ++i) {
        const ir::Buffer& buffer = program->buffers[sources.size() + i];
        const int bytes = size_in_bytes(buffer.element);
        for (int64_t at = 0; at < buffer.size; ++at) {
          ASSERT_TRUE(testing::same_element(buffer.element, &expected[sources.size() + i][at * bytes],
                                            &actual[sources.size() + i][at * bytes]))
              << target.name << ": '" << cases[i].text << "' to " << name(buffer.element) << "x" << GetParam()
              << ", element " << at;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Lanes, OpTest, ::testing::Values(1, 2, 3, 4, 8, 16, 21, 32, 64),
                         [](const auto& tested) { return fmt::format("Lanes{}", tested.param); });

TEST(OpTable, IsInOrderAndTestedWhole) {
  std::set<std::string> tested;
  for (const Case& one : cases_of(16)) tested.insert(one.text.substr(0, one.text.find(' ')));
  for (size_t i = 0; i < ir::ops.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(ir::ops[i].op), i);
    EXPECT_EQ(ir::op_named(ir::ops[i].name), ir::ops[i].op);
    const bool everywhere = ir::ops[i].op == ir::Op::load || ir::ops[i].op == ir::Op::store;
    // Prefetches have no result: random programs show that they do nothing else either.
    const bool of_tiles = ir::ops[i].name.substr(0, 5) == "tile_";
    EXPECT_TRUE(everywhere || of_tiles || is_prefetch(ir::ops[i].op) ||
                tested.count(std::string(ir::ops[i].name)) == 1)
        << ir::ops[i].name;
  }
  EXPECT_EQ(ir::op_named("konstant"), std::nullopt);
}

}  // namespace
}  // namespace tern::codegen

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ir/kernel/kernel.h"
#include "ir/kernel/problem_text.h"
#include "ir/kernel/strategies/strategy_info.h"
#include "tests/support/random_layout.h"
#include "tests/support/text_edit.h"

namespace tern::ir {
namespace {

using ::testing::HasSubstr;
using testing::Random;
using testing::replaced;

constexpr std::string_view decode = R"(kernel @decode {
  problem matmul m=1 n=600 k=256 {
    A: f32[m,k]  quantize i8 absmax per m
    W: trit[n,k]  scale f32 per tensor
    C: f32[m,n]  accumulate i32
  }
  layout {
    W: b2 [n/16, k/64, k%64/16, n%16, k%4, k%16/4] align 64
  }
  schedule {
    parallel n by 16
    for k by 64
    unroll k by 16
    vector n by 16
    prefetch W 4096 bytes ahead
  }
  compute dot W*A { zero point 1, correct -sum_k A, partial i16, widen every k 64 }
  epilogue C = f32(acc) / sa[m] * sw
}
)";

constexpr std::string_view grouped = R"(kernel @head {
  problem matmul m=4 n=100 k=64 {
    A: f32[m,k]
    W: i8[n,k]  scale f32 per k 32
    C: f32[m,n]  accumulate f32
  }
  layout {
    W: i8 [n/8, k, n%8] align 64
    S: f32 [n/8, k, n%8] align 32
  }
  schedule {
    parallel n by 8
    for m by 1
    for k by 32
    for k by 1
    vector n by 8
  }
  compute madd W*A
  epilogue C = acc
}
)";

TEST(KernelText, SaysWhatTheKernelIs) {
  const Expected<ParsedKernel> parsed = parse_kernel(decode);
  ASSERT_TRUE(parsed) << parsed.error().text();
  const Kernel expected{"decode",
                        matmul(1, 600, 256, {Element::trit, Scaling::tensor}),
                        {Packing::b2,
                         {{Axis::n, 0, 16},
                          {Axis::k, 0, 64},
                          {Axis::k, 64, 16},
                          {Axis::n, 16, 1},
                          {Axis::k, 4, 1},
                          {Axis::k, 16, 4}},
                         64},
                        std::nullopt,
                        {{{LoopKind::parallel, Axis::n, 16},
                          {LoopKind::sequential, Axis::k, 64},
                          {LoopKind::unroll, Axis::k, 16},
                          {LoopKind::vector, Axis::n, 16}},
                         4096},
                        DotCompute{{}, 64}};
  EXPECT_EQ(parsed->kernel, expected);
  EXPECT_EQ(print(expected), decode);
  EXPECT_EQ(parsed->locations.problem, (Location{"kernel", 2, 3}));
  EXPECT_EQ(parsed->locations.weights, (Location{"kernel", 8, 5}));
  EXPECT_EQ(parsed->locations.compute, (Location{"kernel", 17, 3}));
  EXPECT_EQ(parsed->locations.prefetch, (Location{"kernel", 15, 5}));
  ASSERT_EQ(parsed->locations.loops.size(), 4u);
  EXPECT_EQ(parsed->locations.loops[2], (Location{"kernel", 13, 5}));
}

TEST(KernelText, ScalesOfGroupsHaveALayout) {
  const Expected<ParsedKernel> parsed = parse_kernel(grouped, "head.kernel");
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->kernel.problem, (matmul(4, 100, 64, {Element::i8, Scaling::group, 32})));
  ASSERT_TRUE(parsed->kernel.scales);
  EXPECT_EQ(parsed->kernel.scales->packing, Packing::f32);
  EXPECT_EQ(parsed->locations.scales, (Location{"head.kernel", 9, 5}));
  EXPECT_EQ(print(parsed->kernel), grouped);
}

TEST(KernelText, ExactSumsOfGroupsSayTheirOrder) {
  Problem problem = matmul(2, 64, 256, {Element::i2, Scaling::group, 128, Element::f16});
  problem.a = {Element::i8, Scaling::group, 32};
  const std::string text = print(problem);
  EXPECT_EQ(text,
            "problem matmul m=2 n=64 k=256 {\n"
            "  A: f32[m,k]  quantize i8 absmax per k 32\n"
            "  W: i2[n,k]  scale f16 per k 128\n"
            "  C: f32[m,n]  accumulate i32 per k 32, then f32 ascending\n"
            "}");
  Lexer in(text, "problem");
  EXPECT_EQ(parse_problem(in), problem);
  EXPECT_FALSE(in.failed());
  const std::string wrong = replaced(text, "i32 per k 32", "i32 per k 128");
  Lexer other(wrong, "problem");
  parse_problem(other);
  EXPECT_EQ(other.error().text(), "problem:4:31: sums are exact for 32 inputs, the smaller group");
}

TEST(KernelText, KnobsAreThoseOfTheStrategy) {
  const auto compute = [](std::string_view line) {
    const std::string text =
        replaced(std::string(decode),
                 "dot W*A { zero point 1, correct -sum_k A, partial i16, widen every k 64 }", line);
    const Expected<ParsedKernel> parsed = parse_kernel(text);
    EXPECT_TRUE(parsed) << parsed.error().text();
    EXPECT_EQ(parsed ? print(parsed->kernel) : "", text);
    return parsed ? parsed->kernel.compute : Compute{};
  };
  EXPECT_EQ(compute("dot W*A { zero point 0, unpack table }"), Compute(DotCompute{{0, Unpack::table}}));
  EXPECT_EQ(compute("dot W*A { zero point 1, correct -sum_k A, fields per shift 3 }"),
            Compute(DotCompute{{}, 0, 3}));
  EXPECT_EQ(compute("lookup T by W { by dot4 }"), Compute(LookupCompute{true}));
  EXPECT_EQ(compute("lookup T by W { partial i16, widen every k 64 }"), Compute(LookupCompute{false, 64}));
  EXPECT_EQ(compute("tile W*A { instruction mma_2x8x2, zero point 1, correct -sum_k A }"),
            Compute(TileCompute{TileInstruction::mma_2x8x2}));
  EXPECT_EQ(
      compute("tile W*A { instruction dot4, zero point 0, unpack multiply, partial i16, widen every k 8 }"),
      Compute(TileCompute{TileInstruction::dot4, {0, Unpack::multiply}, 8}));
  EXPECT_EQ(compute("addsub W*A { partial i16, widen every k 64 }"), Compute(AddsubCompute{64}));
  EXPECT_EQ(compute("addsub W*A"), Compute(AddsubCompute{}));
}

TEST(KernelText, EveryStrategyHasARowWithItsRecord) {
  for (const Strategy strategy : all_strategies) {
    EXPECT_EQ(strategy_named(name(strategy)), strategy);
    EXPECT_EQ(strategy_of(info(strategy).compute), strategy);
  }
  for (size_t i = 0; i < tile_instructions.size(); ++i)
    EXPECT_EQ(tile_instructions[i].instruction, static_cast<TileInstruction>(i));
}

TEST(KernelText, SpaceAndCommentsDoNotMatter) {
  std::string squeezed = replaced(std::string(decode), "zero point 1, correct", "zero point 1,correct");
  squeezed = "// a comment\r\n\t" +
             replaced(squeezed, "parallel n by 16\n", "parallel n by 16 // blocks\n\n") + "// end";
  const Expected<ParsedKernel> parsed = parse_kernel(squeezed);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(print(parsed->kernel), decode);
}

TEST(KernelText, EpiloguesOfEveryScaling) {
  Kernel kernel = parse_kernel(decode)->kernel;
  const auto line = [&] {
    const std::string text = print(kernel);
    const Expected<ParsedKernel> parsed = parse_kernel(text);
    EXPECT_TRUE(parsed) << parsed.error().text();
    EXPECT_TRUE(parsed && parsed->kernel == kernel) << text;
    const size_t start = text.find("epilogue ") + 9;
    return text.substr(start, text.find('\n', start) - start);
  };
  kernel.epilogue = Epilogue::sums;
  EXPECT_EQ(line(), "C = i32(acc)");
  kernel.epilogue = Epilogue::add_sums;
  EXPECT_EQ(line(), "C = f32(acc + P) / sa[m] * sw");
  kernel.epilogue = Epilogue::residual;
  kernel.problem.w.scaling = Scaling::row;
  EXPECT_EQ(line(), "C = R + f32(acc) / sa[m] * sw[n]");
  kernel.problem.w = {Element::trit, Scaling::group, 64};
  EXPECT_EQ(line(), "C = R + sum_g(f32(acc) * S[n,g]) / sa[m]");
  kernel.epilogue = Epilogue::gate;
  kernel.problem.a = {Element::i8, Scaling::group, 64};
  EXPECT_EQ(line(), "C = relu(G) * relu(G) * (sum_g(f32(acc) * da[m,g] * S[n,g]))");
  kernel.problem.w.group = 128;
  EXPECT_EQ(line(), "C = relu(G) * relu(G) * (sum_g(sum_h(f32(acc) * da[m,h]) * S[n,g]))");
  kernel.problem.w.group = 32;
  EXPECT_EQ(line(), "C = relu(G) * relu(G) * (sum_g(sum_h(f32(acc) * S[n,h]) * da[m,g]))");
  kernel.epilogue = Epilogue::plain;
  kernel.problem.w = {Element::trit, Scaling::tensor};
  EXPECT_EQ(line(), "C = sum_g(f32(acc) * da[m,g]) * sw");
}

TEST(KernelText, RowsAreQuantisedAfterAnyEpilogue) {
  for (const Epilogue epilogue : {Epilogue::plain, Epilogue::residual, Epilogue::gate}) {
    Kernel kernel = parse_kernel(decode)->kernel;
    kernel.epilogue = epilogue;
    const std::string before = print(kernel);
    kernel.quantizes_rows = true;
    EXPECT_EQ(print(kernel), replaced(before, "\n}\n", " then Q = C quantize i8 absmax per m\n}\n"));
  }
}

// Any problem that the grammar has words for, sensible or not.
Problem arbitrary_problem(Random& random) {
  const auto number = [&] { return random.coin() ? random.pick(-5, 100) : random.pick(0, int64_t{1} << 62); };
  const auto element = [&] { return static_cast<Element>(random.pick(0, 10)); };
  Problem problem{number(), number(), number(), {Element::f32, Scaling::none}, {element(), Scaling::none},
                  element()};
  if (random.coin()) problem.a = {Element::i8, random.coin() ? Scaling::row : Scaling::group};
  if (problem.a.scaling == Scaling::group) problem.a.group = number();
  if (random.coin()) problem.w.zero_point = number();
  problem.w.scaling = static_cast<Scaling>(random.pick(0, 3));
  if (problem.w.scaling != Scaling::none) problem.w.scale = element();
  if (problem.w.scaling == Scaling::group) problem.w.group = number();
  return problem;
}

// Any record that the grammar has words for, sensible or not.
Compute arbitrary_compute(Random& random) {
  const int64_t widen = random.coin() ? 0 : random.coin() ? random.pick(-5, 100) : int64_t{1} << 62;
  const Unpacking unpacking{static_cast<int>(random.pick(-3, 3)), static_cast<Unpack>(random.pick(0, 2))};
  switch (random.choose(std::vector(all_strategies.begin(), all_strategies.end()))) {
    case Strategy::dot: return DotCompute{unpacking, widen, static_cast<int>(random.pick(-3, 5))};
    case Strategy::lookup: return LookupCompute{random.coin(), widen};
    case Strategy::tile:
      return TileCompute{static_cast<TileInstruction>(random.pick(0, 2)), unpacking, widen};
    case Strategy::addsub: return AddsubCompute{widen};
    case Strategy::madd: break;
  }
  return MaddCompute{};
}

// Any kernel that the grammar has words for, sensible or not.
Kernel arbitrary_kernel(Random& random) {
  const auto number = [&] { return random.coin() ? random.pick(-5, 100) : random.pick(0, int64_t{1} << 62); };
  const auto layout = [&] {
    Layout result{packings[random.pick(0, packings.size() - 1)].packing, {}, number()};
    for (int64_t count = random.pick(1, 6); count > 0; --count) {
      const Axis axis = random.choose(std::vector{Axis::n, Axis::k, Axis::e});
      result.factors.push_back({axis, random.coin() ? 0 : number(), random.coin() ? 1 : number()});
    }
    return result;
  };
  Kernel kernel;
  kernel.name = random.choose(std::vector<std::string>{"a", "_x9", "kernel", "schedule", "ffn_down_m1"});
  kernel.problem = arbitrary_problem(random);
  kernel.weights = layout();
  if (random.coin()) kernel.scales = layout();
  for (int64_t count = random.pick(0, 6); count > 0; --count)
    kernel.schedule.loops.push_back(
        {static_cast<LoopKind>(random.pick(0, 3)), static_cast<Axis>(random.pick(0, 2)), number()});
  kernel.schedule.prefetch_bytes = random.coin() ? 0 : number();
  kernel.compute = arbitrary_compute(random);
  kernel.epilogue = static_cast<Epilogue>(random.pick(0, 2));
  kernel.quantizes_rows = random.coin();
  return kernel;
}

TEST(KernelText, EveryKernelPrintedParsesBackToItself) {
  Random random(1);
  for (int round = 0; round < 1000; ++round) {
    const Kernel kernel = arbitrary_kernel(random);
    const Expected<ParsedKernel> parsed = parse_kernel(print(kernel));
    ASSERT_TRUE(parsed) << parsed.error().text() << "\n" << print(kernel);
    ASSERT_EQ(parsed->kernel, kernel) << print(kernel);
    ASSERT_EQ(parsed->locations.loops.size(), kernel.schedule.loops.size());
  }
}

TEST(KernelText, EveryPrefixAndEveryDamagedByteIsRefusedOrRead) {
  const std::string whole(decode);
  const size_t last = whole.rfind('}');
  for (size_t length = 0; length <= last; ++length) {
    const Expected<ParsedKernel> parsed = parse_kernel(whole.substr(0, length));
    ASSERT_FALSE(parsed) << whole.substr(0, length);
    EXPECT_GT(parsed.error().where.line, 0);
    EXPECT_GT(parsed.error().where.column, 0);
  }
  for (const char wrong : {'\0', '#', '9', 'z', '}', '"', '\x80'}) {
    for (size_t place = 0; place < whole.size(); ++place) {
      std::string damaged = whole;
      damaged[place] = wrong;
      const Expected<ParsedKernel> parsed = parse_kernel(damaged);
      if (parsed) {  // a number or a name changed: still a kernel
        ASSERT_TRUE(parse_kernel(print(parsed->kernel))) << damaged;
      } else {
        EXPECT_GT(parsed.error().where.line, 0);
      }
    }
  }
}

TEST(KernelHash, DependsOnEverythingButTheName) {
  const Kernel original = parse_kernel(decode)->kernel;
  Kernel renamed = original;
  renamed.name = "other";
  EXPECT_EQ(hash(renamed), hash(original));

  std::set<uint64_t> hashes = {hash(original)};
  const std::pair<std::string_view, std::string_view> changes[] = {
      {"m=1 ", "m=2 "},
      {"n=600", "n=601"},
      {"k=256", "k=255"},
      {"b2 [", "b2h ["},
      {"n/16,", "n/32,"},
      {"align 64", "align 32"},
      {"parallel n", "for n"},
      {"parallel n by 16", "parallel n by 32"},
      {"    unroll k by 16\n", ""},
      {"W 4096", "W 4032"},
      {"zero point 1,", "zero point 2,"},
      {"widen every k 64", "widen every k 16"},
      {"/ sa[m] * sw", "/ sa[m] * sw then Q = C quantize i8 absmax per m"},
  };
  for (const auto& [from, to] : changes)
    hashes.insert(hash(parse_kernel(replaced(std::string(decode), from, to))->kernel));
  EXPECT_EQ(hashes.size(), std::size(changes) + 1);
}

TEST(KernelHash, IsTheSameOnEveryMachineAndInEveryVersion) {
  // Records of tuned kernels are kept under it: change this number only together with the kernel's text.
  EXPECT_EQ(hash(parse_kernel(decode)->kernel), 1283723201357275612u);
}

}  // namespace
}  // namespace tern::ir

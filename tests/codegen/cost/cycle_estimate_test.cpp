// Costs by LLVM's scheduling models: of small programs whose bottleneck is known, and of a kernel for CPUs of
// every kind.
#include "codegen/cost/cycle_estimate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <future>

#include "codegen/emit/loop_label.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "targets/legal.h"

namespace tern::codegen {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Limit = CycleEstimate::Limit;

targets::Target target_named(const std::string& name) {
  const Expected<targets::Target> target = targets::load_target(name);
  EXPECT_TRUE(target) << target.error().text();
  return *target;
}

CycleEstimate estimate_of(const ir::Program& program, const std::string& target) {
  const Expected<CycleEstimate> estimate = estimate_cycles(program, target_named(target));
  EXPECT_TRUE(estimate) << estimate.error().text();
  return estimate ? *estimate : CycleEstimate();
}

// The product of the numbers of X, in as many chains as there are lanes in the registers; what it multiplies
// by stays in a register.
ir::Program product(int64_t outer, int64_t inner, int registers) {
  std::string start, multiply, store;
  for (int i = 0; i < registers; ++i) {
    start += fmt::format("    p[{0}] = load X[{1}]\n", i, 8 * i);
    multiply += fmt::format("      p[{0}] = multiply p[{0}], x\n", i);
    store += fmt::format("    store Y[{1} * i + {2}], p[{0}]\n", i, 8 * registers, 8 * i);
  }
  const std::string text =
      fmt::format(R"(program @product {{
  input X: f32[{0}] align 4
  output Y: f32[{1}] align 4
  register x: f32x8
  register p: f32x8[{2}]
  parallel i in 0..{3} {{
    x = load X[0]
{4}    for j in 0..{5} {{
{6}    }}
{7}  }}
}}
)",
                  8 * registers, outer * 8 * registers, registers, outer, start, inner, multiply, store);
  const Expected<ir::Program> program = ir::parse_program(text);
  EXPECT_TRUE(program) << program.error().text() << text;
  for (const Error& error : ir::verify(*program)) ADD_FAILURE() << error.text();
  return *program;
}

TEST(CycleEstimate, KnowsAChainOfDependentInstructions) {
  const CycleEstimate estimate = estimate_of(product(10, 1000, 1), "x86-64-v3");
  EXPECT_EQ(estimate.limit, Limit::latency) << estimate.limit_detail;
  EXPECT_EQ(estimate.inner_iterations, 10 * 1000);
  EXPECT_NEAR(estimate.inner_cycles, 5, 0.3);  // what a multiplication takes on Haswell
  EXPECT_NEAR(estimate.cycles, 10 * 1000 * estimate.inner_cycles, 10 * 200.0);
  EXPECT_TRUE(estimate.loops_known);
  EXPECT_EQ(estimate.not_modelled, 0);
}

TEST(CycleEstimate, KnowsABusyPort) {
  // Twelve chains of 5 cycles on two ports: the ports are busy all the time.
  const CycleEstimate estimate = estimate_of(product(10, 1000, 12), "x86-64-v3");
  EXPECT_EQ(estimate.limit, Limit::resource) << estimate.limit_detail;
  EXPECT_NEAR(estimate.inner_cycles, 6, 0.5);
  ASSERT_THAT(estimate.resources, Not(IsEmpty()));
  EXPECT_THAT(estimate.limit_detail, HasSubstr(estimate.resources.front().name));
  EXPECT_GE(estimate.inner_cycles, estimate.resources.front().cycles);
  for (size_t i = 1; i < estimate.resources.size(); ++i)
    EXPECT_GE(estimate.resources[i - 1].cycles, estimate.resources[i].cycles);
}

TEST(CycleEstimate, KnowsTheLimitOfDispatch) {
  // Two stores are 2 cycles of the one port for their data, and nothing else has more to do; but of the
  // twelve operations, those that count included, four start in a cycle.
  const Expected<ir::Program> program = ir::parse_program(R"(program @copy {
  input X: u8[640000] align 32
  output Y: u8[640000] align 32
  register x: u8x32[2]
  for i in 0..10000 {
    x[0] = load X[64 * i]
    x[0] = and x[0], 3
    x[1] = load X[64 * i + 32]
    x[1] = and x[1], 3
    store Y[64 * i], x[0]
    store Y[64 * i + 32], x[1]
  }
}
)");
  ASSERT_TRUE(program) << program.error().text();
  const CycleEstimate estimate = estimate_of(*program, "x86-64-v3");
  EXPECT_EQ(estimate.limit, Limit::dispatch) << estimate.limit_detail;
  EXPECT_NEAR(estimate.inner_cycles, 3, 0.3);
}

TEST(CycleEstimate, GrowsWithTheLoops) {
  const double once = estimate_of(product(8, 500, 4), "zen4").cycles;
  EXPECT_NEAR(estimate_of(product(16, 500, 4), "zen4").cycles / once, 2, 0.05);
  EXPECT_NEAR(estimate_of(product(8, 1000, 4), "zen4").cycles / once, 2, 0.05);
}

TEST(CycleEstimate, LoopsAreCountedWhereverLlvmPutsThem) {
  // Loops side by side, one around others, one of a single iteration, and one that is nothing but another.
  const Expected<ir::Program> program = ir::parse_program(R"(program @nest {
  input X: u8[1048576] align 16
  output Y: u8[1048576] align 16
  register x: u8x16
  parallel a in 0..7 {
    for b in 0..1 {
      x = load X[16 * b]
      store Y[16 * a], x
    }
    for c in 0..11 {
      for d in 0..13 {
        x = load X[16 * d + 1024 * c]
        x = and x, 3
        store Y[16 * d + 1024 * c], x
      }
    }
    for e in 0..3 {
      x = load X[16 * e]
      store Y[16 * e + 16 * a], x
    }
  }
}
)");
  ASSERT_TRUE(program) << program.error().text();
  for (const char* target : {"x86-64-v3", "neoverse-n1"}) {
    const CycleEstimate estimate = estimate_of(*program, target);
    EXPECT_TRUE(estimate.loops_known) << target;
    EXPECT_EQ(estimate.inner_iterations, 7 * 11 * 13) << target;
  }
}

TEST(CycleEstimate, LabelsOfLoopsAreReadBack) {
  EXPECT_EQ(loop_label("k0", 160), "times160.k0");
  EXPECT_EQ(trips_of_label("times160.k0"), 160);
  EXPECT_EQ(trips_of_label("times16.row17"), 16);  // made unique by LLVM
  EXPECT_EQ(trips_of_label("times160"), std::nullopt);
  EXPECT_EQ(trips_of_label("times.k0"), std::nullopt);
  EXPECT_EQ(trips_of_label("entry"), std::nullopt);
  EXPECT_EQ(trips_of_label(""), std::nullopt);
}

TEST(CycleEstimate, SaysWhereThereIsNoModel) {
  const Expected<CycleModel> model = CycleModel::make(target_named("rv64gcv"));
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("no model"));
  targets::Target target = target_named("zen4");
  target.llvm_cpu = "znver400";
  const Expected<CycleModel> unknown = CycleModel::make(target);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("znver400"));
}

TEST(CycleEstimate, OneModelEstimatesManyPrograms) {
  Expected<CycleModel> model = CycleModel::make(target_named("neoverse-n1"));
  ASSERT_TRUE(model);
  const double first = model->estimate(product(10, 1000, 1))->cycles;
  EXPECT_LT(first, model->estimate(product(10, 1000, 8))->cycles);
  EXPECT_EQ(first, model->estimate(product(10, 1000, 1))->cycles);
}

TEST(CycleEstimate, ThreadsWithModelsOfTheirOwnDisturbNobody) {
  const double alone = estimate_of(product(10, 1000, 4), "zen4").cycles;
  std::vector<std::future<double>> results;
  for (int i = 0; i < 4; ++i) {
    results.push_back(
        std::async(std::launch::async, [] { return estimate_of(product(10, 1000, 4), "zen4").cycles; }));
  }
  for (std::future<double>& result : results) EXPECT_EQ(result.get(), alone);
}

// What LLVM's own tables have wrong or do not have at all.
TEST(CycleEstimate, KnowsZensDotProducts) {
  const auto cycles = [](const char* target) {
    std::string dots, stores;
    for (int i = 0; i < 10; ++i) {
      dots += fmt::format("    s[{0}] = dot4 s[{0}], y, z, 3\n", i);
      stores += fmt::format("  store Y[{}], s[{}]\n", 16 * i, i);
    }
    std::string start;
    for (int i = 0; i < 10; ++i) start += fmt::format("  s[{}] = constant 0\n", i);
    const Expected<ir::Program> program = ir::parse_program(fmt::format(R"(program @dots {{
  input W: u8[64] align 64 values 0..3
  input A: i8[64000] align 64
  output Y: i32[160] align 64
  register y: u8x64
  register z: i8x64
  register s: i32x16[10]
  y = load W[0]
{}  for i in 0..1000 {{
    z = load A[64 * i]
{}  }}
{}}}
)",
                                                                        start, dots, stores));
    EXPECT_TRUE(program) << program.error().text();
    return estimate_of(*program, target).inner_cycles;
  };
  EXPECT_NEAR(cycles("zen4"), 10, 0.5);  // two of 256 bits a cycle
  EXPECT_NEAR(cycles("zen5"), 5, 0.5);   // two of 512
}

// An instruction that loads what it adds to a sum does not wait for the sum before it loads.
TEST(CycleEstimate, ASumIsNeededWhenTheLoadIsDone) {
  const Expected<ir::Program> program = ir::parse_program(R"(program @chain {
  input W: u8[32] align 32 values 0..3
  input A: i8[32000] align 32
  output Y: i32[8] align 32
  register y: u8x32
  register z: i8x32
  register s: i32x8
  y = load W[0]
  s = constant 0
  for i in 0..1000 {
    z = load A[32 * i]
    s = dot4 s, y, z, 3
  }
  store Y[0], s
}
)");
  ASSERT_TRUE(program) << program.error().text();
  EXPECT_NEAR(estimate_of(*program, "zen4").inner_cycles, 4, 0.2);
  EXPECT_NEAR(estimate_of(*program, "zen5").inner_cycles, 4, 0.2);
  EXPECT_NEAR(estimate_of(*program, "icelake-server").inner_cycles, 5, 0.2);
}

TEST(CycleEstimate, KnowsZen5sLatencies) {
  const auto cycles = [](const std::string& body, const char* target) {
    const Expected<ir::Program> program = ir::parse_program(fmt::format(R"(program @integers {{
  input X: u8[64] align 64
  output Y: u8[64] align 64
  register x: u8x64
  register y: u8x64
  x = load X[0]
  y = constant 0
  for i in 0..1000 {{
    {}
  }}
  store Y[0], y
}}
)",
                                                                        body));
    EXPECT_TRUE(program) << program.error().text();
    return estimate_of(*program, target).inner_cycles;
  };
  EXPECT_NEAR(cycles("y = add y, x", "zen5"), 2, 0.1);
  EXPECT_NEAR(cycles("y = add y, x", "zen4"), 1, 0.1);
  EXPECT_NEAR(cycles("y = lookup x, y", "zen5"), 5, 0.1);
}

}  // namespace
}  // namespace tern::codegen

// Random programs: compiled and interpreted they leave the same bits behind, and passes change no result.
#include <gtest/gtest.h>

#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "tests/support/program_call.h"
#include "tests/support/random_program.h"
#include "tests/support/runnable_targets.h"

namespace tern::codegen {
namespace {

using testing::Contents;
using testing::Random;

bool has_unrolled_loop(const ir::Body& body) {
  for (const ir::Statement& statement : body) {
    const ir::Loop* loop = std::get_if<ir::Loop>(&statement);
    if (loop && (loop->kind == ir::LoopKind::unroll || has_unrolled_loop(loop->body))) return true;
  }
  return false;
}

TEST(Passes, UnrollLoopsKeepsEveryResult) {
  Random random(1);
  int unrolled = 0;
  for (int round = 0; round < 200; ++round) {
    const ir::Program program = testing::random_program(random, true);
    if (!has_unrolled_loop(program.body)) continue;
    ir::Program flat = program;
    unroll_loops(flat);
    if (!ir::verify(flat).empty()) continue;  // only now can the proof look at registers one by one
    ++unrolled;
    ASSERT_FALSE(has_unrolled_loop(flat.body));
    const Contents contents = testing::random_buffers(program, random);
    ASSERT_EQ(testing::difference(program, testing::interpreted(program, contents),
                                  testing::interpreted(flat, contents)),
              "")
        << print(program);
    const Expected<ir::Program> reparsed = ir::parse_program(print(flat));
    ASSERT_TRUE(reparsed) << reparsed.error().text() << print(flat);
    ASSERT_EQ(*reparsed, flat);
  }
  EXPECT_GT(unrolled, 30);
}

TEST(Passes, InsertPrefetchesAsksOnceACacheLineAndChangesNoResult) {
  const std::string text = R"(program @p {
  input W: u8[256] align 64
  input V: u8[256] align 64
  output C: u8[64] align 64
  register w: u8x16
  for k in 0..2 {
    w = load W[64 * k]
    w = load W[64 * k + 16]
    w = load W[64 * k + 64]
    w = load V[64 * k]
    store C[0], w
  }
}
)";
  ir::Program program = *ir::parse_program(text);
  insert_prefetches(program, 0);
  EXPECT_EQ(print(program), text);
  insert_prefetches(program, 4096);
  EXPECT_EQ(print(program), R"(program @p {
  input W: u8[256] align 64
  input V: u8[256] align 64
  output C: u8[64] align 64
  register w: u8x16
  for k in 0..2 {
    prefetch_l2 W[64 * k], 4096
    prefetch W[64 * k], 512
    w = load W[64 * k]
    w = load W[64 * k + 16]
    prefetch_l2 W[64 * k + 64], 4096
    prefetch W[64 * k + 64], 512
    w = load W[64 * k + 64]
    w = load V[64 * k]
    store C[0], w
  }
}
)");
  EXPECT_TRUE(ir::verify(program).empty());
  Random random(2);
  const Contents contents = testing::random_buffers(program, random);
  EXPECT_EQ(testing::interpreted(program, contents),
            testing::interpreted(*ir::parse_program(text), contents));
}

TEST(RandomPrograms, CompiledAndInterpretedAgreeOnEveryTarget) {
  for (const targets::Target& target : testing::runnable_targets()) {
    Random random(3);
    const Expected<Jit> jit = Jit::make(target, std::nullopt);
    ASSERT_TRUE(jit) << jit.error().text();
    for (int round = 0; round < 50; ++round) {
      ir::Program program = testing::random_program(random, true);
      unroll_loops(program);
      if (!ir::verify(program).empty()) continue;
      const Expected<CompiledKernel> compiled = jit->compile(program);
      ASSERT_TRUE(compiled) << compiled.error().text();
      for (int inputs = 0; inputs < 3; ++inputs) {
        const Contents contents = testing::random_buffers(program, random);
        ASSERT_EQ(testing::difference(program, testing::interpreted(program, contents),
                                      testing::executed(*compiled, contents)),
                  "")
            << target.name << "\n"
            << print(program);
      }
    }
  }
}

}  // namespace
}  // namespace tern::codegen

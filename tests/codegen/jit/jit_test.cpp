#include "codegen/jit/jit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/support/matmul_case.h"
#include "tests/support/random_kernel.h"
#include "tests/support/runnable_targets.h"
#include "tests/support/text_edit.h"

namespace tern::codegen {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::Random;

constexpr std::string_view kernel_text = R"(kernel @small {
  problem matmul m=2 n=16 k=64 {
    A: f32[m,k]  quantize i8 absmax per m
    W: trit[n,k]  scale f32 per tensor
    C: f32[m,n]  accumulate i32
  }
  layout {
    W: b2 [n/4, k/16, n%4, k%4, k%16/4] align 64
  }
  schedule {
    parallel n by 4
    for m by 1
    for k by 32
    unroll k by 16
    vector n by 4
  }
  compute dot W*A { zero point 1, correct -sum_k A }
  epilogue C = f32(acc) / sa[m] * sw
}
)";

ir::Kernel small_kernel() {
  return ir::parse_kernel(kernel_text)->kernel;
}

Jit host_jit(std::optional<ObjectCache> cache = {}) {
  Expected<Jit> jit = Jit::make(targets::detect_host()->target, std::move(cache));
  EXPECT_TRUE(jit) << jit.error().text();
  return jit.take();
}

void expect_right(const CompiledKernel& compiled, const ir::Kernel& kernel, uint32_t seed) {
  Random random(seed);
  const ir::MatmulInputs inputs = testing::random_inputs(kernel.problem, random.engine());
  EXPECT_TRUE(testing::same_bits(testing::run_compiled(compiled, kernel, inputs),
                                 testing::expected_result(kernel, inputs)));
}

TEST(Jit, KeepsTheKernelAndTheProgramWithTheCode) {
  const ir::Kernel kernel = small_kernel();
  const Expected<CompiledKernel> compiled = host_jit().compile(kernel);
  ASSERT_TRUE(compiled) << compiled.error().text();
  EXPECT_EQ(compiled->kernel(), kernel);
  EXPECT_EQ(compiled->program(), lower(kernel));
}

TEST(Jit, CodeOutlivesTheJitAndTheFirstCopy) {
  std::optional<CompiledKernel> copy;
  {
    const Jit jit = host_jit();
    const Expected<CompiledKernel> compiled = jit.compile(small_kernel());
    ASSERT_TRUE(compiled) << compiled.error().text();
    copy = *compiled;
  }
  expect_right(*copy, small_kernel(), 1);
}

TEST(Jit, WrongKernelsAreRefusedWithTheReasons) {
  ir::Kernel kernel = small_kernel();
  kernel.schedule.loops[0].step = 6;
  kernel.schedule.prefetch_bytes = -1;
  const Expected<CompiledKernel> compiled = host_jit().compile(kernel);
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().text(),
              HasSubstr("kernel small is wrong:\n  a step of 4 does not divide the enclosing tile of 6"));
}

TEST(Jit, KernelsWhoseSumsOverflowAreRefused) {
  ir::Kernel kernel = small_kernel();
  kernel.problem.k = 16 * 88;  // 43 steps of 4 inputs of two bits and 127 leave 16 bits
  kernel.weights.factors[1] = {ir::Axis::k, 0, 176};
  kernel.weights.factors.insert(kernel.weights.factors.begin() + 2, {ir::Axis::k, 176, 16});
  kernel.schedule.loops[2].step = 176;
  set_widen_every_k(kernel.compute, 176);
  const Expected<CompiledKernel> compiled = host_jit().compile(kernel);
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().text(), HasSubstr("may overflow i16"));
}

TEST(Jit, IllegalKernelsAreRefusedWithTheReasons) {
  ir::Kernel kernel = small_kernel();
  unpacking_of(kernel.compute)->zero_point = 0;
  const Expected<Jit> jit = Jit::make(testing::listed_target("x86-64-v2"), std::nullopt);
  ASSERT_TRUE(jit) << jit.error().text();
  const Expected<CompiledKernel> compiled = jit->compile(kernel);
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().text(),
            "kernel small is not legal on x86-64-v2: dot of signed weights on 128 bits needs avxvnniint8");
}

TEST(Jit, WrongProgramsAreRefused) {
  const ir::Program program = *ir::parse_program(
      "program @p { output C: i32[4] align 4 register x: i32x4 register y: i32x4 store C[0], x y = add x, x "
      "}");
  const Expected<CompiledKernel> compiled = host_jit().compile(program);
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().text(), HasSubstr("program p is wrong:"));
  EXPECT_THAT(compiled.error().text(), HasSubstr("reads x before it is written"));
}

TEST(Jit, ProgramsWithLoopsToUnrollAreRefused) {
  const ir::Program program =
      *ir::parse_program("program @p { register x: i32x4[2] unroll a in 0..2 { x[a] = constant 1 } }");
  const Expected<CompiledKernel> compiled = host_jit().compile(program);
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().text(), HasSubstr("unroll"));
}

TEST(Jit, ATargetOfAnotherArchitectureIsRefused) {
  targets::Target target = testing::listed_target("generic");
  target.llvm_triple =
      target.llvm_triple.starts_with("aarch64") ? "x86_64-unknown-linux-gnu" : "aarch64-unknown-linux-gnu";
  EXPECT_FALSE(Jit::make(target, std::nullopt));
}

TEST(Jit, ATargetOfAnotherSystemIsRefused) {
  targets::Target target = testing::listed_target("generic");
#ifdef __aarch64__
  target.llvm_triple = "aarch64-pc-windows-msvc";
#else
  target.llvm_triple = "x86_64-pc-windows-msvc";
#endif
  const Expected<Jit> jit = Jit::make(target, std::nullopt);
  ASSERT_FALSE(jit);
  EXPECT_THAT(jit.error().text(), HasSubstr("cannot run on this machine"));
}

TEST(Jit, AnUnknownProcessorIsRefused) {
  targets::Target target = testing::listed_target("generic");
  target.llvm_cpu = "znver400";
  const Expected<Jit> jit = Jit::make(target, std::nullopt);
  ASSERT_FALSE(jit);
  EXPECT_THAT(jit.error().text(), HasSubstr("knows no llvm_cpu 'znver400'"));
}

TEST(Jit, NamesOfKernelsDoNotClash) {
  const Jit jit = host_jit();
  std::vector<CompiledKernel> kept;
  for (const std::string name : {"small", "small", "kernel", "main", "memcpy", "malloc"}) {
    ir::Kernel kernel = small_kernel();
    kernel.name = name;
    const Expected<CompiledKernel> compiled = jit.compile(kernel);
    ASSERT_TRUE(compiled) << compiled.error().text();
    kept.push_back(*compiled);
  }
  for (const CompiledKernel& compiled : kept) expect_right(compiled, compiled.kernel(), 2);
}

TEST(Jit, ThreadsCompileAndCallAtOnce) {
  const Jit jit = host_jit();
  std::vector<std::thread> threads;
  for (uint32_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&jit, seed] {
      Random random(seed);
      for (int round = 0; round < 5; ++round) {
        const ir::Kernel kernel = testing::random_kernel(random, jit.target());
        const Expected<CompiledKernel> compiled = jit.compile(kernel);
        ASSERT_TRUE(compiled) << compiled.error().text();
        expect_right(*compiled, kernel, seed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class CachedJit : public ::testing::Test {
 protected:
  CachedJit() : folder_(fs::path(::testing::TempDir()) / ("tern_jit_" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
  }
  ~CachedJit() override { fs::remove_all(folder_); }

  ObjectCache cache() const {
    Expected<ObjectCache> opened = ObjectCache::open(folder_);
    EXPECT_TRUE(opened) << opened.error().text();
    return opened.take();
  }

  std::vector<fs::path> objects() const {
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
    return found;
  }

  const fs::path folder_;
};

TEST_F(CachedJit, ASecondJitLoadsWhatTheFirstCompiled) {
  const Expected<CompiledKernel> first = host_jit(cache()).compile(small_kernel());
  ASSERT_TRUE(first) << first.error().text();
  ASSERT_EQ(objects().size(), 1u);
  // Whether it was written again shows in the file's number: a store makes a new file.
  const auto inode = [&] {
    struct stat state = {};
    stat(objects()[0].c_str(), &state);
    return state.st_ino;
  };
  const ino_t stored = inode();
  ir::Kernel renamed = small_kernel();
  renamed.name = "other";  // the name is no part of the key
  const Expected<CompiledKernel> second = host_jit(cache()).compile(renamed);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(objects().size(), 1u);
  EXPECT_EQ(inode(), stored);
  expect_right(*first, small_kernel(), 3);
  expect_right(*second, renamed, 3);
}

TEST_F(CachedJit, DamagedObjectsAreCompiledAgain) {
  ASSERT_TRUE(host_jit(cache()).compile(small_kernel()));
  ASSERT_EQ(objects().size(), 1u);
  fs::resize_file(objects()[0], fs::file_size(objects()[0]) - 7);
  const Expected<CompiledKernel> again = host_jit(cache()).compile(small_kernel());
  ASSERT_TRUE(again) << again.error().text();
  expect_right(*again, small_kernel(), 4);
}

TEST_F(CachedJit, KernelsAndTargetsHaveObjectsOfTheirOwn) {
  ASSERT_TRUE(host_jit(cache()).compile(small_kernel()));
  ir::Kernel other = small_kernel();
  other.schedule.prefetch_bytes = 64;
  ASSERT_TRUE(host_jit(cache()).compile(other));
  EXPECT_EQ(objects().size(), 2u);
  const Expected<Jit> generic = Jit::make(testing::listed_target("generic"), cache());
  ASSERT_TRUE(generic) << generic.error().text();
  ASSERT_TRUE(generic->compile(small_kernel()));
  EXPECT_EQ(objects().size(), 3u);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep freed memory
int64_t resident_kib() {
  int64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

TEST_F(CachedJit, KernelsThatAreDroppedGiveTheirMemoryBack) {
  const Jit jit = host_jit(cache());
  const auto load_and_drop = [&](int times) {
    for (int i = 0; i < times; ++i) ASSERT_TRUE(jit.compile(small_kernel()));
  };
  load_and_drop(200);
  const int64_t before = resident_kib();
  load_and_drop(1000);
  EXPECT_LT(resident_kib() - before, 1024) << "KiB more after 1000 kernels, which kept would be some 20 MiB";
}
#endif

}  // namespace
}  // namespace tern::codegen

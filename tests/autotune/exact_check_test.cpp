#include "autotune/exact_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "autotune/space.h"
#include "codegen/jit.h"
#include "codegen/lower.h"
#include "targets/host.h"

namespace tern::autotune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ir::Problem trits(int64_t m, int64_t n, int64_t k) {
  return {m, n, k, ir::Element::trit, ir::Scaling::tensor, 0};
}

const codegen::Jit& jit() {
  static const codegen::Jit made = codegen::Jit::make(targets::host_target().take(), std::nullopt).take();
  return made;
}

Code compiled(const ir::Kernel& kernel) {
  Code code{jit().compile(kernel).take(), {}};
  if (kernel.compute.strategy == ir::Strategy::lookup) code.tables = jit().compile_tables(kernel).take();
  return code;
}

const Crew pair{2, [](const std::function<void(int)>& function) {
                  std::thread other([&] { function(1); });
                  function(0);
                  other.join();
                }};

// Code that does something else in the place of a kernel's.
Code impostor(const Code& code, codegen::CompiledKernel::Function function) {
  const auto kernel = std::make_shared<const ir::Kernel>(code.kernel.kernel());
  const auto program = std::make_shared<const ir::Program>(code.kernel.program());
  return {codegen::CompiledKernel(function, kernel, program, nullptr), {}};
}

TEST(ExactCheck, AcceptsEveryRecipe) {
  for (const ir::Element weight : {ir::Element::trit, ir::Element::sign, ir::Element::f16, ir::Element::i4}) {
    for (const int64_t m : {1, 4, 33}) {
      ir::Problem problem{m, 70, 200, weight, ir::Scaling::tensor, 0};
      if (!problem.is_ternary())
        problem.scaling = weight == ir::Element::i4 ? ir::Scaling::group : ir::Scaling::none;
      if (problem.scaling == ir::Scaling::group) problem.scale_group = 32;
      ExactCheck check(problem, crew_of_one());
      for (const Candidate& candidate : default_space(problem, jit().target()).candidates)
        EXPECT_EQ(check.check(compiled(candidate.kernel)), "") << print(candidate);
    }
  }
}

// A head's outputs are too many: the first and the last are computed.
TEST(ExactCheck, ComputesPartsOfLargeMatrices) {
  const ir::Problem head{1, 70000, 1000, ir::Element::f16, ir::Scaling::none, 0};
  const Candidate candidate = default_space(head, jit().target()).candidates[0];
  EXPECT_EQ(ExactCheck(head, crew_of_one()).check(compiled(candidate.kernel)), "");
}

TEST(ExactCheck, CrashesAndWrongResultsTakeNothingElseWithThem) {
  const ir::Problem problem = trits(1, 64, 128);
  const Code right = compiled(default_space(problem, jit().target()).candidates[0].kernel);
  const Code wrong = impostor(right, [](void* const*, const ir::Range*) {});
  const Code crashing = impostor(right, [](void* const*, const ir::Range*) { std::raise(SIGILL); });
  const Code leaving = impostor(right, [](void* const*, const ir::Range*) { _exit(0); });
  ExactCheck check(problem, crew_of_one());
  EXPECT_THAT(check.check_guarded(std::vector<Code>{right, wrong, crashing, right, leaving, right}),
              ElementsAre(IsEmpty(), HasSubstr("and should be"), HasSubstr("crashed: Illegal instruction"),
                          IsEmpty(), HasSubstr("ended the process"), IsEmpty()));
}

// A kernel that takes one row for another is wrong, even if all else is right.
TEST(ExactCheck, RowsAreToldApart) {
  const ir::Problem problem = trits(4, 64, 128);
  const Code right = compiled(default_space(problem, jit().target()).candidates[0].kernel);
  static codegen::CompiledKernel genuine;
  genuine = right.kernel;
  const Code swapped = impostor(right, [](void* const* buffers, const ir::Range* ranges) {
    genuine(std::span(buffers, passed_buffers(genuine.program())), std::span(ranges, 2));
    auto* c = static_cast<float*>(buffers[passed_buffers(genuine.program()) - 1]);
    const int64_t stride = output_stride(genuine.kernel().problem);
    for (int64_t n = 0; n < 64; ++n) std::swap(c[n], c[3 * stride + n]);
  });
  EXPECT_THAT(ExactCheck(problem, crew_of_one()).check(swapped), HasSubstr("C[0,"));
}

}  // namespace
}  // namespace tern::autotune

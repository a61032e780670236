#include "autotune/measure/exact_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "codegen/jit/jit.h"
#include "codegen/lower/lower.h"
#include "kernels/space.h"
#include "targets/host.h"
#include "tests/support/threads.h"

namespace tern::autotune {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ir::Problem trits(int64_t m, int64_t n, int64_t k) {
  return ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
}

const codegen::Jit& jit() {
  static const codegen::Jit made = codegen::Jit::make(targets::host_target().take(), std::nullopt).take();
  return made;
}

Code compiled(const ir::Kernel& kernel) {
  return compile_code(jit(), kernel).take();
}

// Code that does something else in the place of a kernel's.
Code impostor(const Code& code, codegen::CompiledKernel::Function function) {
  const auto kernel = std::make_shared<const ir::Kernel>(code.kernel.kernel());
  const auto program = std::make_shared<const ir::Program>(code.kernel.program());
  return {codegen::CompiledKernel(function, kernel, program, nullptr), {}};
}

TEST(ExactCheck, AcceptsEveryRecipe) {
  for (const ir::Element weight : {ir::Element::trit, ir::Element::sign, ir::Element::f16, ir::Element::i4}) {
    for (const int64_t m : {1, 4, 33}) {
      const ir::Problem problem = ir::matmul(m, 70, 200, ir::weights_of(weight));
      ExactCheck check(problem, testing::one_thread());
      for (const kernels::Candidate& candidate : kernels::default_space(problem, jit().target()).candidates)
        EXPECT_EQ(check.check(compiled(candidate.kernel)), "") << print(candidate);
    }
  }
}

TEST(ExactCheck, AcceptsEveryRecipeOfGroups) {
  for (const ir::Element weight : {ir::Element::trit, ir::Element::sign, ir::Element::i2}) {
    for (const int64_t m : {1, 33}) {
      ir::Problem problem = ir::matmul(m, 70, 200, {weight, ir::Scaling::group, 64, ir::Element::f16});
      if (weight == ir::Element::i2) problem.a = {ir::Element::i8, ir::Scaling::group, 32};
      ExactCheck check(problem, testing::one_thread());
      for (const kernels::Candidate& candidate : kernels::default_space(problem, jit().target()).candidates)
        EXPECT_EQ(check.check(compiled(candidate.kernel)), "") << print(candidate);
    }
  }
}

// A head's outputs are too many: the first and the last are computed.
TEST(ExactCheck, ComputesPartsOfLargeMatrices) {
  for (const ir::Element weight : {ir::Element::f16, ir::Element::trit}) {
    const ir::Problem head = ir::matmul(1, 70000, 1000, ir::weights_of(weight));
    ExactCheck check(head, testing::one_thread());
    const Code right = compiled(kernels::default_space(head, jit().target()).candidates[0].kernel);
    EXPECT_EQ(check.check(right), "");
    static codegen::CompiledKernel genuine;
    genuine = right.kernel;
    const Code wrong = impostor(right, [](void* const* buffers, const ir::Range* ranges) {
      genuine(std::span(buffers, parameters(genuine.program()).size()), std::span(ranges, 2));
      static_cast<float*>(buffers[parameter_index(genuine.program(), ir::BufferRole::output)])[69999] =
          0.125f;
    });
    EXPECT_THAT(check.check(wrong), HasSubstr("C[0,69999] is 0.125"));
  }
}

TEST(ExactCheck, CrashesAndWrongResultsTakeNothingElseWithThem) {
  const ir::Problem problem = trits(1, 64, 128);
  const Code right = compiled(kernels::default_space(problem, jit().target()).candidates[0].kernel);
  const Code wrong = impostor(right, [](void* const*, const ir::Range*) {});
  const Code crashing = impostor(right, [](void* const*, const ir::Range*) { std::raise(SIGILL); });
  const Code leaving = impostor(right, [](void* const*, const ir::Range*) { _exit(0); });
  for (ThreadPool* pool : {&testing::one_thread(), &testing::two_threads()}) {
    ExactCheck check(problem, *pool);
    EXPECT_THAT(check.check_guarded(std::vector<Code>{right, wrong, crashing, right, leaving, right}),
                ElementsAre(IsEmpty(), HasSubstr("and should be"), HasSubstr("crashed: Illegal instruction"),
                            IsEmpty(), HasSubstr("ended the process"), IsEmpty()));
  }
}

TEST(ExactCheck, WhatKernelsAreGivenCannotBeWritten) {
  const ir::Problem problem = trits(1, 64, 128);
  const Code right = compiled(kernels::default_space(problem, jit().target()).candidates[0].kernel);
  const Code to_weights =
      impostor(right, [](void* const* buffers, const ir::Range*) { *static_cast<uint8_t*>(buffers[0]) = 1; });
  const Code to_activations =
      impostor(right, [](void* const* buffers, const ir::Range*) { *static_cast<uint8_t*>(buffers[1]) = 1; });
  ExactCheck check(problem, testing::one_thread());
  // Sanitizers end a process before it crashes.
  const auto failed = AnyOf(HasSubstr("crashed: Segmentation"), HasSubstr("ended the process"));
  EXPECT_THAT(check.check_guarded(std::vector<Code>{to_weights, to_activations, right}),
              ElementsAre(failed, failed, IsEmpty()));
}

// One check serves all numbers of rows, in any order.
TEST(ExactCheck, KernelsForAnyNumberOfRowsShareTheWeights) {
  std::vector<Code> codes;
  for (const int64_t m : {1, 40, 4}) {
    for (const kernels::Candidate& candidate :
         kernels::default_space(trits(m, 70, 200), jit().target()).candidates)
      codes.push_back(compiled(candidate.kernel));
  }
  for (const size_t packed_bytes : {ExactCheck::max_packed_bytes, size_t{1}}) {
    ExactCheck check(trits(1, 70, 200), testing::two_threads(), packed_bytes);
    EXPECT_THAT(check.check_guarded(codes), Each(IsEmpty()));
    if (packed_bytes > 1)
      EXPECT_GT(check.packed_bytes(), 70u * 200);
    else
      EXPECT_LT(check.packed_bytes(), 4u * 70 * 200) << "only the last is kept";
  }
}

// A kernel that takes one row for another is wrong, even if all else is right.
TEST(ExactCheck, RowsAreToldApart) {
  const ir::Problem problem = trits(4, 64, 128);
  const Code right = compiled(kernels::default_space(problem, jit().target()).candidates[0].kernel);
  static codegen::CompiledKernel genuine;
  genuine = right.kernel;
  const Code swapped = impostor(right, [](void* const* buffers, const ir::Range* ranges) {
    genuine(std::span(buffers, parameters(genuine.program()).size()), std::span(ranges, 2));
    auto* c = static_cast<float*>(buffers[parameter_index(genuine.program(), ir::BufferRole::output)]);
    const int64_t stride = output_stride(genuine.kernel().problem);
    for (int64_t n = 0; n < 64; ++n) std::swap(c[n], c[3 * stride + n]);
  });
  EXPECT_THAT(ExactCheck(problem, testing::one_thread()).check(swapped), HasSubstr("C[0,"));
}

}  // namespace
}  // namespace tern::autotune

// What kernels quantise is, bit for bit, what the runtime's own step makes of the same rows.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/jit/jit.h"
#include "kernels/default_kernel.h"
#include "kernels/whole_rows.h"
#include "runtime/math/float_ops.h"
#include "targets/host.h"
#include "tests/support/matmul_case.h"

namespace tern::runtime {
namespace {

TEST(QuantizedRows, OfKernelsAreThoseOfTheStep) {
  const targets::Target host = targets::host_target().take();
  const Expected<codegen::Jit> jit = codegen::Jit::make(host, std::nullopt);
  ASSERT_TRUE(jit) << jit.error().text();
  std::mt19937 random(1);
  for (const int64_t n : {1, 15, 16, 100, 257, 640}) {
    const ir::Problem problem = ir::matmul(7, n, 200, {ir::Element::trit, ir::Scaling::tensor});
    ir::Kernel kernel = kernels::with_quantized_rows(kernels::default_kernel(problem, host));
    kernel.epilogue = ir::Epilogue::residual;
    ir::MatmulInputs inputs = testing::random_inputs(problem, random);
    inputs.other[2 * n] = std::numeric_limits<float>::infinity();
    inputs.activation_scales[4] = std::numeric_limits<float>::quiet_NaN();
    const Expected<codegen::CompiledKernel> compiled = jit->compile(kernel);
    ASSERT_TRUE(compiled) << compiled.error().text();
    testing::KernelCall call(kernel, compiled->program(), inputs);
    const std::vector<std::byte*> buffers = call.buffers();
    (*compiled)(std::vector<void*>(buffers.begin(), buffers.end()), full_ranges(compiled->program()));

    const auto stride = static_cast<size_t>(output_stride(problem));
    for (int64_t row = 0; row < problem.m; ++row) {
      std::vector<int8_t> expected(stride);
      int32_t expected_sum = 0, sum = 0;
      const float expected_scale =
          float_ops(VectorLevel::best)
              .quantize_row(reinterpret_cast<const float*>(call.find(ir::BufferRole::output)) + row * stride,
                            static_cast<size_t>(n), stride, expected.data(), expected_sum);
      float scale = 0;
      std::memcpy(&scale, call.find(ir::BufferRole::output_scales) + row * 4, sizeof scale);
      std::memcpy(&sum, call.find(ir::BufferRole::output_sums) + row * 4, sizeof sum);
      EXPECT_EQ(
          std::memcmp(call.find(ir::BufferRole::quantized_output) + row * stride, expected.data(), stride), 0)
          << n << " " << row;
      EXPECT_EQ(sum, expected_sum);
      if (row == 2 || row == 4)
        EXPECT_TRUE(std::isnan(scale) && std::isnan(expected_scale));
      else
        EXPECT_EQ(scale, expected_scale);
    }
  }
}

}  // namespace
}  // namespace tern::runtime

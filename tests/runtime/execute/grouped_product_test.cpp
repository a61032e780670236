// Many small products in one call: against each alone, whatever the threads.
#include "runtime/execute/grouped_product.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "codegen/jit/jit.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/pack.h"
#include "ir/kernel/reference.h"
#include "ir/kernel/verify_kernel.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/resize.h"
#include "targets/host.h"
#include "targets/legal.h"

namespace tern::runtime {
namespace {

constexpr int64_t outputs = 100, inputs = 200;
constexpr size_t experts = 7;

codegen::Jit& host_jit() {
  static codegen::Jit jit = codegen::Jit::make(targets::detect_host()->target, std::nullopt).take();
  return jit;
}

// Kernels of one recipe for several numbers of rows, and random matrices and rows.
class Experts {
 public:
  explicit Experts(const ir::Kernel& of_largest)
      : set_{of_largest.problem,
             ir::Epilogue::plain,
             kernels::RowBuckets({1, 2, 4, of_largest.problem.m}),
             {},
             false} {
    for (const int64_t rows : set_.buckets.rows()) {
      PlannedKernel planned;
      planned.rows = rows;
      planned.kernel = std::make_shared<ir::Kernel>(kernels::resized(of_largest, rows));
      planned.code = host_jit().compile(*planned.kernel).take();
      for (const ir::Program& program : codegen::preparations(*planned.kernel))
        planned.preparations.push_back({0, host_jit().compile(program).take()});
      set_.kernels.push_back(std::move(planned));
    }
    pack_matrices();
  }

  const KernelSet& set() const { return set_; }

  // The results of the runs' own rows, in the order of the runs: from one call on some threads.
  std::vector<float> run(const std::vector<RowRun>& runs, int64_t rows, size_t threads) {
    make_rows(rows);
    const GroupedProduct product = bind(rows);
    for (size_t thread = 0; thread < threads; ++thread) product.run(runs, thread, threads);
    std::vector<float> results;
    for (const RowRun& run : runs) {
      for (int64_t row = run.output_row; row < run.output_row + run.rows; ++row)
        results.insert(results.end(), output_row(row), output_row(row) + outputs);
    }
    return results;
  }

  // What they are by definition.
  std::vector<float> expected(const std::vector<RowRun>& runs) {
    std::vector<float> results;
    for (const RowRun& run : runs) {
      ir::Problem problem = set_.problem;
      problem.m = run.rows;
      ir::MatmulInputs of_run;
      of_run.trits = weights_[run.matrix];
      of_run.weight_scale = scale_of(run.matrix);
      for (int64_t row = run.input_row; row < run.input_row + run.rows; ++row) {
        const int8_t* from = quantized_.as<int8_t>().data() + row * activation_stride(problem);
        of_run.quantized.insert(of_run.quantized.end(), from, from + inputs);
        of_run.activation_scales.push_back(scales_[static_cast<size_t>(row)]);
      }
      const std::vector<float> c = ir::reference(problem, of_run);
      results.insert(results.end(), c.begin(), c.end());
    }
    return results;
  }

  GroupedProduct bind(int64_t rows) {
    GroupedProduct product;
    product.kernels = &set_;
    ProductMemory memory;
    memory.quantized = {quantized_.as<int8_t>().data(),
                        scales_.data(),
                        sums_.data(),
                        activation_stride(set_.problem),
                        0,
                        0,
                        inputs};
    memory.output = {output_.as<float>().data(), output_stride(set_.problem), 0, outputs};
    prepare(rows, memory);
    for (const PackedWeights& packed : packed_) {
      memory.packed = &packed;
      product.matrices.push_back(memory);
    }
    return product;
  }

 private:
  // Kernels take rows that begin at multiples of 64 bytes.
  template <class T>
  static Memory zeros(int64_t count) {
    return Memory::allocate(std::max<size_t>(static_cast<size_t>(count) * sizeof(T), 1)).take();
  }
  const float* output_row(int64_t row) {
    return output_.as<float>().data() + row * output_stride(set_.problem);
  }

  static float scale_of(size_t matrix) { return 0.5f + static_cast<float>(matrix); }

  void pack_matrices() {
    std::minstd_rand random(1);
    const ir::Layout& layout = set_.kernels[0].kernel->weights;
    WeightMemory memory;
    for (size_t matrix = 0; matrix < experts; ++matrix) {
      std::vector<int8_t>& trits = weights_.emplace_back();
      for (int64_t i = 0; i < outputs * inputs; ++i)
        trits.push_back(static_cast<int8_t>(static_cast<int>(random() % 3) - 1));
      PackedWeights packed;
      packed.weights =
          memory.allocate(static_cast<size_t>(ir::LayoutMap(layout, outputs, inputs).size_in_bytes())).take();
      ir::pack_trits(layout, trits, packed.weights.as<uint8_t>(), outputs, inputs);
      packed.scale = {scale_of(matrix)};
      packed_.push_back(std::move(packed));
    }
  }

  void make_rows(int64_t rows) {
    std::minstd_rand random(2);
    const int64_t stride = activation_stride(set_.problem);
    quantized_ = zeros<int8_t>(rows * stride);
    scales_.assign(static_cast<size_t>(rows), 1);
    sums_.assign(static_cast<size_t>(rows), 0);
    output_ = zeros<float>(rows * output_stride(set_.problem));
    for (int64_t row = 0; row < rows; ++row) {
      scales_[static_cast<size_t>(row)] = static_cast<float>(random() % 100 + 1) / 7;
      for (int64_t k = 0; k < inputs; ++k) {
        const auto value = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
        quantized_.as<int8_t>()[static_cast<size_t>(row * stride + k)] = value;
        sums_[static_cast<size_t>(row)] += value;
      }
    }
  }

  // Runs the preparations of the kernel for one row on each row: those of any bucket write the same.
  void prepare(int64_t rows, ProductMemory& memory) {
    for (const Preparation& preparation : set_.kernels[0].preparations) {
      const ir::Program& program = preparation.program.program();
      const int64_t program_rows = ir::parallel_loops(program)[0]->trips;
      for (const ir::Buffer& parameter : parameters(program)) {
        if (parameter.kind != ir::BufferKind::output) continue;
        const int64_t row_bytes = parameter.bytes() / program_rows;
        Memory& bytes = prepared_[parameter.role];
        bytes = zeros<std::byte>((rows + program_rows) * row_bytes);
        memory.prepared[parameter.role] = {bytes.data(), 0, row_bytes};
      }
      for (int64_t row = 0; row < rows; ++row) {
        const ir::Arguments arguments = memory.arguments(program, 0, {row, row});
        const ir::Range one{0, 1};
        preparation.program(arguments, {&one, 1});
      }
    }
  }

  KernelSet set_;
  std::vector<std::vector<int8_t>> weights_;
  std::vector<PackedWeights> packed_;
  Memory quantized_, output_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
  std::map<ir::BufferRole, Memory> prepared_;
};

// One kernel of every recipe for trits that this machine has instructions for, for 16 rows.
std::vector<ir::Kernel> kernels_of_all_recipes() {
  const targets::Target& host = targets::detect_host()->target;
  const ir::Problem problem = ir::matmul(16, outputs, inputs, ir::weights_of(ir::Element::trit));
  std::vector<ir::Kernel> kernels = {kernels::default_kernel(problem, host)};
  for (const kernels::Recipe& recipe : kernels::recipes(problem)) {
    ir::Kernel kernel = kernels::make_kernel(recipe, problem, host);
    if (ir::verify(kernel).empty() && targets::legality_errors(kernel, host).empty())
      kernels.push_back(kernel);
  }
  return kernels;
}

TEST(GroupedProduct, IsEachProductAlone) {
  const std::vector<ir::Kernel> kernels = kernels_of_all_recipes();
  ASSERT_GT(kernels.size(), 3u);
  for (const ir::Kernel& kernel : kernels) {
    Experts matrices(kernel);
    // None, one row, whole buckets, between two of them, more than the largest.
    const std::vector<int64_t> counts = {1, 0, 2, 5, 16, 39, 3};
    const GroupedProduct product = matrices.bind(0);
    const std::vector<RowRun> runs = product.place(counts);
    ASSERT_EQ(runs.size(), 6u);
    const int64_t rows = runs.back().output_row + product.padded_rows(runs.back().rows);
    const std::vector<float> results = matrices.run(runs, rows, 1);
    EXPECT_EQ(results, matrices.expected(runs)) << print(kernel);
    for (const size_t threads : {2, 3, 5, 8})
      EXPECT_EQ(matrices.run(runs, rows, threads), results) << threads << print(kernel);
  }
}

TEST(GroupedProduct, RunsMayReadTheSameRow) {
  const targets::Target& host = targets::detect_host()->target;
  const ir::Problem problem = ir::matmul(16, outputs, inputs, ir::weights_of(ir::Element::trit));
  Experts matrices(kernels::default_kernel(problem, host));
  // One token and three of the experts, as in decoding.
  const std::vector<RowRun> runs = {{6, 0, 0, 1}, {2, 0, 1, 1}, {3, 0, 2, 1}};
  const std::vector<float> results = matrices.run(runs, 3 + 16, 1);
  EXPECT_EQ(results, matrices.expected(runs));
  for (const size_t threads : {2, 3, 7}) EXPECT_EQ(matrices.run(runs, 3 + 16, threads), results) << threads;
}

TEST(GroupedProduct, RunsWithoutRowsHaveNoPlace) {
  const targets::Target& host = targets::detect_host()->target;
  Experts matrices(
      kernels::default_kernel(ir::matmul(16, outputs, inputs, ir::weights_of(ir::Element::trit)), host));
  const GroupedProduct product = matrices.bind(0);
  EXPECT_TRUE(product.place(std::vector<int64_t>(experts, 0)).empty());
  std::vector<int64_t> counts(experts, 0);
  counts[1] = 3;
  counts[4] = 1;
  const std::vector<RowRun> runs = product.place(counts);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].matrix, 1u);
  EXPECT_EQ(runs[1].matrix, 4u);
  EXPECT_EQ(runs[1].output_row, product.padded_rows(3));
  EXPECT_GE(product.padded_rows(3), 3);
}

}  // namespace
}  // namespace tern::runtime

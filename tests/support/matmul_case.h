// Random matrix products and the three ways to compute them, for differential tests.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "codegen/jit/jit.h"
#include "codegen/lower/lower.h"
#include "ir/half.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/pack.h"
#include "ir/kernel/reference.h"
#include "ir/program/interpret.h"

namespace tern::testing {

// Scales per group, a third of them zero or negative; values of f16 where the problem promises that.
inline void add_group_scales(const ir::Problem& problem, std::minstd_rand& random, ir::MatmulInputs& inputs) {
  const auto scale = [&] {
    const auto value = static_cast<float>(random() % 4001) / 1000 - 1;
    return random() % 16 == 0 ? 0.0f : value;
  };
  if (problem.w.scaling == ir::Scaling::group) {
    for (int64_t i = 0; i < problem.n * ir::ceil_divide(problem.k, problem.w.group); ++i)
      inputs.group_scales.push_back(
          problem.w.scale == ir::Element::f16 ? ir::f16_to_f32(ir::f32_to_f16(scale())) : scale());
  }
  if (problem.a.scaling == ir::Scaling::group) {
    inputs.activation_scales.clear();
    for (int64_t i = 0; i < problem.m * ir::ceil_divide(problem.k, problem.a.group); ++i)
      inputs.activation_scales.push_back(std::abs(scale()) / 64);
  }
}

// Inputs of a problem with extreme values among them.
inline ir::MatmulInputs random_inputs(const ir::Problem& problem, std::mt19937& random) {
  ir::MatmulInputs inputs;
  const auto uniform = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  const auto real = [&] { return std::uniform_real_distribution<float>(-2, 2)(random); };
  if (problem.is_quantized()) {
    // Now and then everything is as large as it can be: sums that overflow somewhere would show.
    const int kind = uniform(0, 5);
    const auto largest = static_cast<int>(highest(problem.w.element)),
               smallest = static_cast<int>(lowest(problem.w.element));
    for (int64_t i = 0; i < problem.n * problem.k; ++i)
      inputs.trits.push_back(static_cast<int8_t>(kind == 0   ? largest
                                                 : kind == 1 ? smallest
                                                 : problem.w.element == ir::Element::sign
                                                     ? 2 * uniform(0, 1) - 1
                                                     : uniform(smallest, largest)));
    for (int64_t i = 0; i < problem.m * problem.k; ++i)
      inputs.quantized.push_back(
          static_cast<int8_t>(kind < 2 ? (i / problem.k % 2 ? 127 : -128) : uniform(-128, 127)));
    for (int64_t i = 0; i < problem.m; ++i) inputs.activation_scales.push_back(std::abs(real()) * 50 + 0.01f);
    inputs.weight_scale = std::abs(real()) + 0.01f;
    std::minstd_rand simple(
        static_cast<unsigned>(problem.n + 1));  // so that `random` goes on as without them
    const auto small = [&] { return static_cast<float>(simple() % 4001) / 1000 - 2; };
    for (int64_t i = 0; i < problem.n; ++i) inputs.output_scales.push_back(small());
    for (int64_t i = 0; i < problem.m * problem.n; ++i) inputs.other.push_back(small());
    for (int64_t i = 0; i < problem.m * problem.n; ++i)
      inputs.partial_sums.push_back(static_cast<int32_t>(simple()) >> 2);
    add_group_scales(problem, simple, inputs);
    return inputs;
  }
  const ir::Packing packing = *ir::packing_named(name(problem.w.element));
  for (int64_t i = 0; i < problem.n * problem.k; ++i) {
    uint8_t bytes[4];
    const bool is_whole = problem.w.scaling == ir::Scaling::group;
    const auto low = static_cast<int>(lowest(problem.w.element)),
               high = static_cast<int>(highest(problem.w.element));
    encode_dense(packing, bytes, is_whole ? static_cast<float>(uniform(low, high)) : real());
    inputs.dense.push_back(decode_dense(packing, bytes));
  }
  std::minstd_rand simple(static_cast<unsigned>(problem.n + 1));
  add_group_scales(problem, simple, inputs);
  for (int64_t i = 0; i < problem.m * problem.k; ++i) inputs.activations.push_back(real());
  return inputs;
}

// The buffers of a call, with guard bytes that show writes past a buffer's end.
class KernelCall {
 public:
  KernelCall(const ir::Kernel& kernel, const ir::Program& program, const ir::MatmulInputs& inputs)
      : kernel_(kernel), program_(program) {
    for (const ir::Buffer& buffer : parameters(program)) {
      const auto bytes = static_cast<size_t>(buffer.bytes());
      storage_.emplace_back(bytes + 2 * guard, std::byte{0xa5});
      const size_t misalignment = reinterpret_cast<uintptr_t>(storage_.back().data()) % guard;
      starts_.push_back(storage_.back().data() + guard - misalignment);
      // What is not written must not look as if it were.
      std::memset(starts_.back(), buffer.kind == ir::BufferKind::output ? 0x5a : 0, bytes);
      if (buffer.kind == ir::BufferKind::input) fill(buffer, starts_.back(), inputs);
    }
  }

  std::vector<std::byte*> buffers() { return starts_; }

  // C, f32 [m,n] (or of exact sums the bits of i32) without padding; behind it, if rows are quantised, what
  // they are as numbers: Q with its padding, qsum and sq. See expected_result.
  std::vector<float> result() const {
    const ir::Problem& problem = kernel_.problem;
    std::vector<float> all;
    const std::byte* c = find(ir::BufferRole::output);
    for (int64_t m = 0; m < problem.m; ++m)
      append<float>(all, c + m * output_stride(problem) * sizeof(float), problem.n);
    if (!kernel_.quantizes_rows) return all;
    append<int8_t>(all, find(ir::BufferRole::quantized_output), problem.m * output_stride(problem));
    append<int32_t>(all, find(ir::BufferRole::output_sums), problem.m);
    append<float>(all, find(ir::BufferRole::output_scales), problem.m);
    return all;
  }

  // The start of the buffer with that role.
  std::byte* find(ir::BufferRole role) const { return starts_[parameter_index(program_, role)]; }

  bool guards_are_whole() const {
    for (size_t i = 0; i < starts_.size(); ++i) {
      const std::byte* end = starts_[i] + program_.buffers[i].bytes();
      for (const std::byte* byte = storage_[i].data(); byte < storage_[i].data() + storage_[i].size();
           ++byte) {
        if ((byte < starts_[i] || byte >= end) && *byte != std::byte{0xa5}) return false;
      }
    }
    return true;
  }

 private:
  static constexpr size_t guard = 64;

  template <class T>
  static void append(std::vector<float>& all, const std::byte* start, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      T value;
      std::memcpy(&value, start + i * sizeof(T), sizeof value);
      all.push_back(static_cast<float>(value));
    }
  }

  template <class T>
  void fill_rows(std::byte* start, const std::vector<T>& values, int64_t stride) {
    const ir::Problem& problem = kernel_.problem;
    for (int64_t m = 0; m < problem.m; ++m)
      std::memcpy(start + m * stride * sizeof(T), &values[m * problem.k], problem.k * sizeof(T));
  }

  template <class T>
  void fill_dense(std::byte* start, const ir::MatmulInputs& inputs) {
    const ir::Problem& problem = kernel_.problem;
    const ir::LayoutMap map(kernel_.weights, problem.n, problem.k);
    ir::pack_dense<T>(kernel_.weights, {reinterpret_cast<T*>(start), map.size_in_bytes() / sizeof(T)},
                      problem.n, problem.k, 0, problem.n, [&](int64_t n, T* row) {
                        for (int64_t k = 0; k < problem.k; ++k) {
                          const float value = inputs.dense[n * problem.k + k];
                          if (problem.w.element == ir::Element::i4)
                            row[k] = static_cast<T>(value);  // as pack_dense takes them
                          else
                            encode_dense(kernel_.weights.packing, reinterpret_cast<uint8_t*>(row + k), value);
                        }
                      });
  }

  void fill_weights(std::byte* start, const ir::MatmulInputs& inputs) {
    const ir::Problem& problem = kernel_.problem;
    if (problem.is_quantized()) {
      const ir::LayoutMap map(kernel_.weights, problem.n, problem.k);
      ir::pack_number_rows(kernel_.weights, inputs.trits,
                           {reinterpret_cast<uint8_t*>(start), static_cast<size_t>(map.size_in_bytes())},
                           problem.n, problem.k, 0, problem.n);
      return;
    }
    if (info(kernel_.weights.packing).bytes_per_group == 1) fill_dense<int8_t>(start, inputs);
    if (info(kernel_.weights.packing).bytes_per_group == 2) fill_dense<uint16_t>(start, inputs);
    if (info(kernel_.weights.packing).bytes_per_group == 4) fill_dense<float>(start, inputs);
  }

  void fill(const ir::Buffer& buffer, std::byte* start, const ir::MatmulInputs& inputs) {
    const ir::Problem& problem = kernel_.problem;
    float* floats = reinterpret_cast<float*>(start);
    switch (buffer.role) {
      case ir::BufferRole::weights: return fill_weights(start, inputs);
      case ir::BufferRole::group_scales: {
        const int64_t groups = ir::ceil_divide(problem.k, problem.w.group);
        const float* scales = inputs.group_scales.data();
        const auto size = static_cast<size_t>(buffer.size);
        if (problem.w.scale == ir::Element::f32)
          return ir::pack_dense<float>(
              *kernel_.scales, {floats, size}, problem.n, groups, 0, problem.n,
              [&](int64_t n, float* row) { std::copy_n(scales + n * groups, groups, row); });
        return ir::pack_dense<uint16_t>(*kernel_.scales, {reinterpret_cast<uint16_t*>(start), size},
                                        problem.n, groups, 0, problem.n, [&](int64_t n, uint16_t* row) {
                                          std::transform(scales + n * groups, scales + (n + 1) * groups, row,
                                                         ir::f32_to_f16);
                                        });
      }
      case ir::BufferRole::activations:
        if (problem.is_quantized())
          fill_rows(start, inputs.quantized, activation_stride(problem));
        else
          fill_rows(start, inputs.activations, activation_stride(problem));
        return;
      case ir::BufferRole::tables_low:
      case ir::BufferRole::tables_high: return fill_prepared(buffer, start, inputs);
      case ir::BufferRole::activation_sums:
        return fill_activation_sums(reinterpret_cast<int32_t*>(start), inputs);
      case ir::BufferRole::activation_factors: {
        const int64_t groups = ir::ceil_divide(problem.k, problem.a.group);
        for (int64_t m = 0; m < problem.m; ++m)
          std::copy_n(&inputs.activation_scales[m * groups], groups,
                      floats + m * group_stride(problem, problem.a.group));
        return;
      }
      case ir::BufferRole::activation_scales:
        std::copy(inputs.activation_scales.begin(), inputs.activation_scales.end(), floats);
        return;
      case ir::BufferRole::weight_scales:
        if (problem.w.scaling == ir::Scaling::row)
          std::copy(inputs.output_scales.begin(), inputs.output_scales.end(), floats);
        else
          floats[0] = inputs.weight_scale;
        return;
      case ir::BufferRole::residual:
      case ir::BufferRole::gate:
        for (int64_t m = 0; m < problem.m; ++m)
          std::copy_n(&inputs.other[m * problem.n], problem.n, floats + m * output_stride(problem));
        return;
      case ir::BufferRole::partial_sums:
        for (int64_t m = 0; m < problem.m; ++m)
          std::copy_n(&inputs.partial_sums[m * problem.n], problem.n,
                      reinterpret_cast<int32_t*>(start) + m * output_stride(problem));
        return;
      case ir::BufferRole::none:
      case ir::BufferRole::output:
      case ir::BufferRole::quantized_output:
      case ir::BufferRole::output_sums:
      case ir::BufferRole::output_scales: return;
    }
  }

  // Of each row, or of each group of exact sums.
  void fill_activation_sums(int32_t* sums, const ir::MatmulInputs& inputs) {
    const ir::Problem& problem = kernel_.problem;
    const int64_t group = problem.is_grouped() ? problem.sum_group() : problem.k;
    const int64_t stride = problem.is_grouped() ? group_stride(problem, group) : 1;
    for (int64_t m = 0; m < problem.m; ++m) {
      for (int64_t k = 0; k < problem.k; ++k)
        sums[m * stride + k / group] += inputs.quantized[m * problem.k + k];
    }
  }

  // What the kernel's preparations write, as the interpreter executes them.
  void fill_prepared(const ir::Buffer& buffer, std::byte* start, const ir::MatmulInputs& inputs) {
    for (const ir::Program& preparation : codegen::preparations(kernel_)) {
      KernelCall call(kernel_, preparation, inputs);
      interpret(preparation, call.buffers(), full_ranges(preparation));
      if (find_parameter(preparation, buffer.role))
        std::memcpy(start, call.find(buffer.role), static_cast<size_t>(buffer.bytes()));
    }
  }

  const ir::Kernel& kernel_;
  const ir::Program& program_;
  std::vector<std::vector<std::byte>> storage_;
  std::vector<std::byte*> starts_;
};

// What KernelCall::result must be.
inline std::vector<float> expected_result(const ir::Kernel& kernel, const ir::MatmulInputs& inputs) {
  const ir::Problem& problem = kernel.problem;
  std::vector<float> all;
  if (kernel.epilogue == ir::Epilogue::sums) {
    for (const int32_t sum : ir::reference_sums(problem, inputs)) all.push_back(std::bit_cast<float>(sum));
    return all;
  }
  all = ir::reference(problem, inputs, kernel.epilogue);
  if (!kernel.quantizes_rows) return all;
  const ir::QuantizedRows rows = ir::reference_quantized(all, problem.n);
  for (int64_t m = 0; m < problem.m; ++m) {
    all.insert(all.end(), &rows.values[m * problem.n], &rows.values[m * problem.n] + problem.n);
    all.insert(all.end(), output_stride(problem) - problem.n, 0);
  }
  all.insert(all.end(), rows.sums.begin(), rows.sums.end());
  all.insert(all.end(), rows.scales.begin(), rows.scales.end());
  return all;
}

inline std::vector<float> run_interpreted(const ir::Kernel& kernel, const ir::Program& program,
                                          const ir::MatmulInputs& inputs) {
  KernelCall call(kernel, program, inputs);
  ir::interpret(program, call.buffers(), full_ranges(program));
  return call.guards_are_whole() ? call.result() : std::vector<float>{};
}

inline std::vector<float> run_compiled(const codegen::CompiledKernel& compiled, const ir::Kernel& kernel,
                                       const ir::MatmulInputs& inputs) {
  KernelCall call(kernel, compiled.program(), inputs);
  const std::vector<std::byte*> buffers = call.buffers();
  const std::vector<void*> pointers(buffers.begin(), buffers.end());
  compiled(pointers, full_ranges(compiled.program()));
  return call.guards_are_whole() ? call.result() : std::vector<float>{};
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace tern::testing

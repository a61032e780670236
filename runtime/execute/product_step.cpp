#include "runtime/execute/product_step.h"

#include <cassert>

#include "runtime/execute/kernel_trials.h"

namespace tern::runtime {
namespace {

void* address(const FloatRows& rows, int64_t row, size_t thread) {
  return rows.row(row, thread);
}

}  // namespace

ir::Arguments ProductMemory::arguments(const ir::Program& program, size_t thread,
                                       const FirstRows& first) const {
  const auto copy = static_cast<int64_t>(thread);
  return {program, [&](const ir::Buffer& buffer) -> void* {
            switch (buffer.role) {
              case ir::BufferRole::weights: return packed->weights.data();
              case ir::BufferRole::group_scales: return packed->scales.data();
              case ir::BufferRole::activations:
                return quantized.data
                           ? quantized.data + copy * quantized.thread_stride + first.input * quantized.stride
                           : address(dense, first.input, thread);
              case ir::BufferRole::tables_low:
              case ir::BufferRole::tables_high: {
                const PreparedBytes& bytes = prepared.at(buffer.role);
                return bytes.data + copy * bytes.thread_stride + first.input * bytes.row_stride;
              }
              case ir::BufferRole::activation_sums:
                return quantized.sums + (copy * quantized.thread_rows + first.input) * quantized.sum_stride;
              case ir::BufferRole::activation_factors:
              case ir::BufferRole::activation_scales:
                return quantized.scales +
                       (copy * quantized.thread_rows + first.input) * quantized.scale_stride;
              case ir::BufferRole::weight_scales: return const_cast<float*>(packed->scale.data());
              case ir::BufferRole::residual:
              case ir::BufferRole::gate: return address(other, first.output, thread);
              case ir::BufferRole::output: return address(output, first.output, thread);
              case ir::BufferRole::quantized_output:
                return quantized_output.data + first.output * quantized_output.stride;
              case ir::BufferRole::output_sums: return quantized_output.sums + first.output;
              case ir::BufferRole::output_scales: return quantized_output.scales + first.output;
              case ir::BufferRole::none:
              case ir::BufferRole::partial_sums: break;
            }
            assert(false && "a kernel's parameters have roles");
            return nullptr;
          }};
}

ParallelLoops::ParallelLoops(const ir::Kernel& kernel) : columns_(kernel.problem.n), rows_(kernel.problem.m) {
  for (const ir::ScheduledLoop& loop : kernel.schedule.loops) {
    if (loop.kind != ir::LoopKind::parallel) continue;
    assert(count_ < loops_.size());
    loops_[count_++] = {loop.axis, loop.step};
    (loop.axis == ir::Axis::n ? columns_ : rows_) = loop.step;
  }
}

void ParallelLoops::call(const codegen::CompiledKernel& kernel, std::span<void* const> arguments,
                         const Range& columns, const Range& rows) const {
  if (columns.size() == 0 || rows.size() == 0) return;
  std::array<ir::Range, 2> ranges;
  for (size_t i = 0; i < count_; ++i) {
    const Range& part = loops_[i].axis == ir::Axis::n ? columns : rows;
    ranges[i] = {static_cast<int64_t>(part.begin) / loops_[i].step,
                 ir::ceil_divide(static_cast<int64_t>(part.end), loops_[i].step)};
  }
  kernel(arguments, {ranges.data(), count_});
}

void ProductStep::run(const StepRun& run, size_t thread) const {
  using Clock = std::chrono::steady_clock;
  const auto call = [&](const codegen::CompiledKernel& code, const ParallelLoops& parallel,
                        std::span<void* const> pointers) {
    const auto count = static_cast<size_t>(run.count), all = static_cast<size_t>(outputs);
    if (sharing == Sharing::rows)
      return parallel.call(code, pointers, {0, all},
                           split(count, thread, run.threads, static_cast<size_t>(parallel.rows())));
    const Range part = columns ? columns_of(*columns, run, thread)
                               : split(all, thread, run.threads, static_cast<size_t>(parallel.columns()));
    parallel.call(code, pointers, part, {0, count});
  };
  const ir::Arguments& own = arguments[arguments.size() > 1 ? thread : 0];
  if (!run.trials) return call(kernel, loops, own);
  const Clock::time_point start = Clock::now();
  if (const codegen::CompiledKernel* candidate = run.trials->candidate_for(product, run.count))
    call(*candidate, ParallelLoops(candidate->kernel()), memory.arguments(candidate->program(), thread));
  else
    call(kernel, loops, own);
  const std::chrono::duration<double> passed = Clock::now() - start;
  run.trials->record(product, run.count, thread, passed.count());
}

}  // namespace tern::runtime

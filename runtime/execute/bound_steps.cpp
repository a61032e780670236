#include "runtime/execute/bound_steps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "runtime/graph/passes.h"
#include "runtime/tensor/tensor_rows.h"

namespace tern::runtime {
namespace {

void copy_row(const float* from, int64_t size, float* to) {
  if (from != to) std::memcpy(to, from, static_cast<size_t>(size) * sizeof(float));
}

}  // namespace

void apply_gate(const FloatOps& ops, Activation function, float limit, const float* gate, const float* up,
                size_t size, float* out) {
  switch (function) {
    case Activation::squared_relu: return ops.relu_squared_gate(gate, up, size, out);
    case Activation::silu:
      return limit == 0 ? ops.silu_gate(gate, up, size, out)
                        : ops.limited_silu_gate(gate, up, limit, size, out);
    case Activation::gelu: return ops.gelu_gate(gate, up, size, out);
    case Activation::sigmoid: return ops.sigmoid_gate(gate, up, size, out);
  }
}

Range rows_of(Sharing sharing, const StepRun& run, size_t thread) {
  const auto rows = static_cast<size_t>(run.count);
  return sharing == Sharing::each ? Range{0, rows} : split(rows, thread, run.threads);
}

Range columns_of(const SharedColumns& shared, const StepRun& run, size_t thread) {
  const int64_t unit = run.trials ? shared.unit_in_trial : shared.unit;
  const auto columns = static_cast<size_t>(shared.columns);
  return split(columns, thread, run.threads, static_cast<size_t>(unit));
}

void EmbedStep::run(const StepRun& run, size_t thread) const {
  const Range range = rows_of(Sharing::rows, run, thread);
  const size_t bytes = table->data.size() / table->n;
  for (size_t i = range.begin; i < range.end; ++i) {
    float* row = output.row(static_cast<int64_t>(i), thread);
    decode_row(table->type, table->data.subspan(run.rows[i].token * bytes, bytes),
               {row, static_cast<size_t>(output.width)});
    if (block != 0)
      run.ops.hadamard.transform(row, nullptr, factors, block, static_cast<size_t>(output.width), row);
    if (factor != 1) run.ops.floats.scale(row, factor, static_cast<size_t>(output.width));
  }
}

void AnglesStep::run(const StepRun& run, size_t thread) const {
  const Range range = rows_of(Sharing::rows, run, thread);
  for (size_t i = range.begin; i < range.end; ++i) {
    float* row = output.row(static_cast<int64_t>(i), thread);
    angles.at(run.rows[i].position, row, row + output.width / 2);
  }
}

void CenterStep::run(const StepRun& run, size_t thread) const {
  const Range range = rows_of(sharing, run, thread);
  for (auto i = static_cast<int64_t>(range.begin); i < static_cast<int64_t>(range.end); ++i)
    run.ops.floats.center_row(input.row(i, thread), static_cast<size_t>(output.width), output.row(i, thread));
}

void NormStep::run(const StepRun& run, size_t thread) const {
  if (heads != 0) {
    const int64_t dimension = output.width / heads;
    for_heads(run, heads, thread, [&](int64_t row, int64_t first, int64_t count) {
      for (int64_t head = first; head < first + count; ++head)
        run.ops.floats.rms_norm_row(input.row(row, thread) + head * dimension, weights, epsilon,
                                    static_cast<size_t>(dimension),
                                    output.row(row, thread) + head * dimension);
    });
    return;
  }
  const Range range = rows_of(sharing, run, thread);
  for (auto i = static_cast<int64_t>(range.begin); i < static_cast<int64_t>(range.end); ++i)
    run.ops.floats.rms_norm_row(input.row(i, thread), weights, epsilon, static_cast<size_t>(output.width),
                                output.row(i, thread));
}

void sum_groups(const QuantizedRows& rows, const std::vector<GroupSums>& group_sums, int64_t row,
                size_t thread) {
  const auto copy = static_cast<int64_t>(thread);
  const int8_t* numbers = rows.data + copy * rows.thread_stride + row * rows.stride;
  for (const GroupSums& each : group_sums) {
    int32_t* sums = each.sums + (copy * rows.thread_rows + row) * each.stride;
    std::fill_n(sums, each.stride, 0);
    for (int64_t first = 0; first < rows.width; first += each.group) {
      int32_t sum = 0;
      for (int64_t i = first; i < std::min(first + each.group, rows.width); ++i) sum += numbers[i];
      sums[first / each.group] = sum;
    }
  }
}

// By group: a scale for each, da = max(|x|, 1e-5) / 127.
void quantize_one(const FloatOps& ops, const float* from, const QuantizedRows& output,
                  const std::vector<GroupSums>& group_sums, int64_t row, size_t thread) {
  const auto copy = static_cast<int64_t>(thread);
  const int64_t index = copy * output.thread_rows + row;
  int8_t* to = output.data + copy * output.thread_stride + row * output.stride;
  if (output.group == 0) {
    output.scales[index] = ops.quantize_row(from, static_cast<size_t>(output.width),
                                            static_cast<size_t>(output.stride), to, output.sums[index]);
    return sum_groups(output, group_sums, row, thread);
  }
  float* scales = output.scales + index * output.scale_stride;
  std::fill(to + output.width, to + output.stride, int8_t{0});
  std::fill_n(scales, output.scale_stride, 0.0f);
  for (int64_t first = 0; first < output.width; first += output.group) {
    const auto size = static_cast<size_t>(std::min(output.group, output.width - first));
    const int32_t bits = ops.max_magnitude_bits(from + first, size);
    ops.quantize_range(from + first, quantize_scale(bits), size, to + first);
    scales[first / output.group] = group_scale(bits);
  }
  sum_groups(output, group_sums, row, thread);
}

void QuantizeStep::run(const StepRun& run, size_t thread) const {
  const Range range = rows_of(sharing, run, thread);
  for (auto i = static_cast<int64_t>(range.begin); i < static_cast<int64_t>(range.end); ++i)
    quantize_one(run.ops.floats, input.row(i, thread), output, group_sums, i, thread);
  const ir::Range rows = {static_cast<int64_t>(range.begin), static_cast<int64_t>(range.end)};
  if (rows.begin == rows.end) return;
  for (const BoundPreparation& each : preparations) {
    const size_t own = each.arguments.size() > 1 ? thread : 0;
    each.program(each.arguments[own], {&rows, 1});
  }
}

void RopeStep::run(const StepRun& run, size_t thread) const {
  const int64_t dimension = input.width / heads, turned = angles.width / 2;
  const auto apply =
      pairs == RopeStyle::neox ? run.ops.floats.apply_rope : run.ops.floats.apply_rope_adjacent;
  for_heads(run, heads, thread, [&](int64_t row, int64_t head, int64_t count) {
    float* to = output.row(row, thread) + head * dimension;
    const float* cosines = angles.row(row, thread);
    copy_row(input.row(row, thread) + head * dimension, count * dimension, to);
    apply(to, static_cast<size_t>(count), static_cast<size_t>(dimension), cosines, cosines + turned,
          static_cast<size_t>(turned));
  });
}

void StoreStep::run(const StepRun& run, size_t thread) const {
  const int64_t dimension = keys.width / heads;
  for_heads(run, heads, thread, [&](int64_t row, int64_t first, int64_t count) {
    const StepRow& at = run.rows[static_cast<size_t>(row)];
    const Sequence& sequence = *run.batch[at.sequence].sequence;
    for (int64_t head = first; head < first + count; ++head) {
      const int64_t column = head * dimension;
      store_keys_values(run.ops.floats, sequence.shape(), sequence.pages().data(), layer,
                        static_cast<size_t>(head), at.position, 1, keys.row(row, thread) + column,
                        values.row(row, thread) + column, 0);
    }
  });
}

// A task is some rows of one sequence, the queries of one key-value head, and all blocks of positions or one.
void AttendStep::run(const StepRun& run, size_t thread) const {
  const auto query_heads = static_cast<size_t>(heads), groups = static_cast<size_t>(kv_heads);
  const auto dimension = static_cast<size_t>(queries.width) / query_heads;
  const size_t sharing = query_heads / groups, partial = attention_partial_size(dimension);
  constexpr auto task_rows = static_cast<size_t>(attention_rows);
  float* scratch = run.scratch[thread].data();
  size_t task = 0;
  for (size_t sequence = 0; sequence < run.batch.size(); ++sequence) {
    const Sequence& past = *run.batch[sequence].sequence;
    const size_t tokens = run.batch[sequence].tokens.size();
    for (size_t first = 0; first < tokens; first += task_rows) {
      AttentionRows rows;
      rows.rows = std::min(task_rows, tokens - first);
      rows.heads = sharing;
      rows.query_stride = static_cast<size_t>(queries.stride);
      rows.first_position = past.length() + first;
      rows.window = window;
      rows.scale = 1.0f / std::sqrt(static_cast<float>(dimension));
      const size_t index = run.first_rows[sequence] + first;
      const size_t first_block = output.data ? 0 : first_seen(rows.first_position, window) / attention_block;
      const size_t blocks = output.data ? 1 : attention_blocks(rows.first_position + rows.rows);
      for (size_t group = 0; group < groups; ++group) {
        const KeyValueHead cached = key_value_head(past.shape(), past.pages().data(), layer, group);
        const size_t head = group * sharing;
        const float* query = queries.row(static_cast<int64_t>(index), thread) + head * dimension;
        for (size_t block = first_block; block < blocks; ++block) {
          if (task++ % run.threads != thread) continue;
          if (output.data) {
            run.ops.attention.attend(cached, rows, query,
                                     output.row(static_cast<int64_t>(index), thread) + head * dimension,
                                     static_cast<size_t>(output.stride), scratch);
          } else {
            float* partials =
                run.partials + ((index * query_heads + head) * run.max_blocks + block) * partial;
            const size_t head_stride = run.max_blocks * partial;
            run.ops.attention.block(cached, rows, block, query,
                                    {partials, query_heads * head_stride, head_stride}, scratch);
          }
        }
      }
    }
  }
}

void CombineStep::run(const StepRun& run, size_t thread) const {
  const auto query_heads = static_cast<size_t>(heads);
  const auto dimension = static_cast<size_t>(output.width) / query_heads;
  const size_t partial = attention_partial_size(dimension);
  const Range range = rows_of(sharing, run, thread);
  for (size_t i = range.begin; i < range.end; ++i) {
    const size_t first = first_seen(run.rows[i].position, window) / attention_block;
    const size_t blocks = attention_blocks(run.rows[i].position + 1) - first;
    for (size_t head = 0; head < query_heads; ++head)
      run.ops.attention.combine(run.partials + ((i * query_heads + head) * run.max_blocks + first) * partial,
                                blocks, dimension,
                                output.row(static_cast<int64_t>(i), thread) + head * dimension);
  }
}

void AddStep::run(const StepRun& run, size_t thread) const {
  const Range range = columns_of(*columns, run, thread);
  for (int64_t i = 0; i < run.count; ++i) {
    float* to = output.row(i, thread) + range.begin;
    copy_row(x.row(i, thread) + range.begin, static_cast<int64_t>(range.size()), to);
    const float* more = y.row(i, thread) + range.begin;
    if (factor == 1)
      run.ops.floats.add(to, more, range.size());
    else
      run.ops.floats.add_scaled(to, more, factor, range.size());
  }
}

void GateStep::run(const StepRun& run, size_t thread) const {
  const Range range = columns_of(*columns, run, thread);
  for (int64_t i = 0; i < run.count; ++i) {
    const float* from = gate.row(i, thread) + range.begin;
    const float* other = up.row(i, thread) + range.begin;
    float* to = output.row(i, thread) + range.begin;
    apply_gate(run.ops.floats, function, limit, from, other, range.size(), to);
  }
}

void ActivateStep::run(const StepRun& run, size_t thread) const {
  static constexpr std::array<float, 64> ones = [] {
    std::array<float, 64> all{};
    all.fill(1);
    return all;
  }();
  const Range range = columns_of(*columns, run, thread);
  for (int64_t i = 0; i < run.count; ++i) {
    const float* from = input.row(i, thread) + range.begin;
    float* to = output.row(i, thread) + range.begin;
    for (size_t first = 0; first < range.size(); first += ones.size())
      apply_gate(run.ops.floats, function, 0, from + first, ones.data(),
                 std::min(ones.size(), range.size() - first), to + first);
  }
}

void ScaleStep::run(const StepRun& run, size_t thread) const {
  const Range range = columns_of(*columns, run, thread);
  for (int64_t i = 0; i < run.count; ++i) {
    float* to = output.row(i, thread) + range.begin;
    copy_row(input.row(i, thread) + range.begin, static_cast<int64_t>(range.size()), to);
    run.ops.floats.scale(to, factor, range.size());
  }
}

void SelectStep::run(const StepRun& run, size_t thread) const {
  const Range range = rows_of(sharing, run, thread);
  for (size_t i = range.begin; i < range.end; ++i)
    copy_row(input.row(static_cast<int64_t>(run.selected[i]), thread), output.width,
             output.row(static_cast<int64_t>(i), thread));
}

}  // namespace tern::runtime

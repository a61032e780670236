#include "runtime/execute/delta_steps.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tern::runtime {
namespace {

// out = (x * r) * scale, r = 1 / sqrt(sum of squares + epsilon), the sum as float_ops.h says.
void make_unit(const FloatOps& ops, const float* x, size_t size, float epsilon, float scale, float* out) {
  constexpr size_t most_blocks = sum_blocks(max_head_dimension);
  float sums[most_blocks];
  ops.sum_of_squares_blocks(x, 0, sum_blocks(size), size, sums);
  const float r = 1.0f / std::sqrt(fold_blocks(sums, sum_blocks(size)) + epsilon);
  std::memcpy(out, x, size * sizeof(float));
  ops.scale(out, r, size);
  ops.scale(out, scale, size);
}

}  // namespace

size_t delta_scratch_size(const Hyperparameters& shape) {
  return std::max<size_t>(2 * size_t{shape.delta_width}, shape.delta_length());
}

void RotateStep::run(const StepRun& run, size_t thread) const {
  const Range range = rows_of(sharing, run, thread);
  const auto width = static_cast<size_t>(input.width);
  for (auto i = static_cast<int64_t>(range.begin); i < static_cast<int64_t>(range.end); ++i) {
    const float* from = input.row(i, thread);
    if (heads != 0) {
      float* ordered = run.scratch[thread].data();
      const int64_t sharing_heads = heads / key_heads, dimension = input.width / heads;
      for (int64_t head = 0; head < heads; ++head) {
        const int64_t place = head % key_heads * sharing_heads + head / key_heads;
        std::copy_n(from + head * dimension, dimension, ordered + place * dimension);
      }
      from = ordered;
    }
    run.ops.hadamard.transform(from, factors, nullptr, block, width, output.row(i, thread));
  }
}

void PartStep::run(const StepRun& run, size_t thread) const {
  const int64_t from = input.width / heads, size = output.width / heads;
  for_heads(run, heads, thread, [&](int64_t row, int64_t first, int64_t count) {
    for (int64_t head = first; head < first + count; ++head)
      std::copy_n(input.row(row, thread) + head * from + part * size, size,
                  output.row(row, thread) + head * size);
  });
}

// The output may be the input: tokens go from the last to the first, each of which reads those before it, and
// what the state keeps is set aside first.
void ConvolveStep::run(const StepRun& run, size_t thread) const {
  constexpr size_t piece = 64;
  const Range range = columns_of(*columns, run, thread);
  const auto width = static_cast<size_t>(input.width);
  const size_t before = window - 1;  // tokens that the state has
  float kept[(max_convolution - 1) * piece];
  const float* taps[max_convolution];
  for (size_t index = 0; index < run.batch.size(); ++index) {
    float* past = run.batch[index].sequence->state().data() + state;
    const size_t tokens = run.batch[index].tokens.size(), first = run.first_rows[index];
    for (size_t column = range.begin; column < range.end; column += piece) {
      const size_t size = std::min(piece, range.end - column);
      // The inputs of the token that is `before` tokens before token `at` of this step.
      const auto inputs_of = [&](size_t at) {
        return at < before ? past + at * width + column
                           : input.row(static_cast<int64_t>(first + at - before), thread) + column;
      };
      for (size_t j = 0; j < before; ++j) std::copy_n(inputs_of(tokens + j), size, kept + j * piece);
      for (size_t token = tokens; token-- > 0;) {
        for (size_t j = 0; j < window; ++j) taps[j] = inputs_of(token + j);
        run.ops.delta.convolve(taps, weights + column, width, window, size,
                               output.row(static_cast<int64_t>(first + token), thread) + column);
      }
      for (size_t j = 0; j < before; ++j) std::copy_n(kept + j * piece, size, past + j * width + column);
    }
  }
}

void DeltaStep::run(const StepRun& run, size_t thread) const {
  const auto values = static_cast<size_t>(heads), keys = static_cast<size_t>(key_heads);
  const size_t width = static_cast<size_t>(output.width) / values;
  const float query_scale = 1.0f / std::sqrt(static_cast<float>(width));
  float* query = run.scratch[thread].data();
  float* key = query + width;
  size_t task = 0;
  for (size_t index = 0; index < run.batch.size(); ++index) {
    float* memories = run.batch[index].sequence->state().data() + state;
    const size_t tokens = run.batch[index].tokens.size(), first = run.first_rows[index];
    for (size_t head = 0; head < values; ++head) {
      for (size_t column = 0; column < width; column += delta_columns) {
        if (task++ % run.threads != thread) continue;
        const size_t columns = std::min(delta_columns, width - column), key_head = head % keys;
        for (size_t token = 0; token < tokens; ++token) {
          const auto row = static_cast<int64_t>(first + token);
          const float* in = inputs.row(row, thread);
          make_unit(run.ops.floats, in + key_head * width, width, epsilon, query_scale, query);
          make_unit(run.ops.floats, in + (keys + key_head) * width, width, epsilon, 1, key);
          const DeltaGates gates =
              delta_gates(alpha.row(row, thread)[head], bias[head], rate[head], beta.row(row, thread)[head]);
          run.ops.delta.update(memories + head * width * width + column, width, width, columns, query, key,
                               in + (2 * keys + head) * width + column, gates,
                               output.row(row, thread) + head * width + column);
        }
      }
    }
  }
}

}  // namespace tern::runtime

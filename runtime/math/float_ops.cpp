#include "runtime/math/float_ops.h"

#include <bit>
#include <cmath>
#include <limits>

#include "runtime/math/sum_tree.h"

// Highway includes this file once for every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/math/float_ops.cpp"
#include "hwy/foreach_target.h"
#include "runtime/math/vector_math-inl.h"
#include "runtime/math/vector_table.h"

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {

void sum_of_squares_blocks(const float* x, size_t first_block, size_t blocks, size_t size, float* sums) {
  for (size_t block = first_block; block < first_block + blocks; ++block) {
    const size_t begin = block * sum_block, rest = size - begin;
    sums[block] = block_sum(x + begin, rest < sum_block ? rest : sum_block,
                            [](VF32 v) HWY_ATTR { return hn::Mul(v, v); });
  }
}

void sum_of_elements_blocks(const float* x, size_t first_block, size_t blocks, size_t size, float* sums) {
  for (size_t block = first_block; block < first_block + blocks; ++block) {
    const size_t begin = block * sum_block, rest = size - begin;
    sums[block] =
        block_sum(x + begin, rest < sum_block ? rest : sum_block, [](VF32 v) HWY_ATTR { return v; });
  }
}

void subtract(const float* x, float value, size_t size, float* out) {
  const VF32 less = hn::Set(F32(), value);
  for_each_vector(size, [&](size_t i, size_t count)
                            HWY_ATTR { store(hn::Sub(load(x + i, count), less), out + i, count); });
}

void rms_norm_range(const float* x, const float* weight, float r, size_t size, float* out) {
  const VF32 factor = hn::Set(F32(), r);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    store(hn::Mul(hn::Mul(load(x + i, count), factor), load(weight + i, count)), out + i, count);
  });
}

int32_t max_magnitude_bits(const float* x, size_t size) {
  const I32 integers;
  auto largest = hn::Zero(integers);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    largest = hn::Max(largest, hn::BitCast(integers, hn::Abs(load(x + i, count))));
  });
  int32_t each[lanes];
  hn::StoreU(largest, integers, each);
  int32_t result = 0;
  for (const int32_t magnitude : each) result = magnitude > result ? magnitude : result;
  return result;
}

int32_t quantize_range(const float* x, float scale, size_t size, int8_t* out) {
  const F32 d;
  const I32 integers;
  const hn::Rebind<int8_t, F32> bytes;
  if (scale != scale) {
    std::memset(out, 0, size);
    return 0;
  }
  // As in exp(): the sum's low bits hold the rounded integer.
  const VF32 magic = hn::Set(d, 12582912.0f);
  const auto magic_bits = hn::BitCast(integers, magic);
  auto sums = hn::Zero(integers);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    const VF32 shifted = hn::Add(hn::Mul(load(x + i, count), hn::Set(d, scale)), magic);
    const auto q = hn::Sub(hn::BitCast(integers, shifted), magic_bits);
    sums = hn::Add(sums, q);
    int8_t buffer[lanes];
    const auto narrow = hn::DemoteTo(bytes, q);
    if (count == lanes) return hn::StoreU(narrow, bytes, out + i);
    hn::StoreU(narrow, bytes, buffer);
    std::memcpy(out + i, buffer, count);
  });
  int32_t each[lanes];
  hn::StoreU(sums, integers, each);
  int32_t sum = 0;
  for (const int32_t lane : each) sum += lane;
  return sum;
}

void relu_squared_gate(const float* gate, const float* up, size_t size, float* out) {
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    const VF32 g = load(gate + i, count);
    const VF32 r = hn::IfThenZeroElse(hn::Lt(g, hn::Zero(F32())), g);
    store(hn::Mul(hn::Mul(r, r), load(up + i, count)), out + i, count);
  });
}

void silu_gate(const float* gate, const float* up, size_t size, float* out) {
  const VF32 one = hn::Set(F32(), 1.0f);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    const VF32 g = load(gate + i, count);
    const VF32 silu = hn::Div(g, hn::Add(one, exp(hn::Neg(g))));
    store(hn::Mul(silu, load(up + i, count)), out + i, count);
  });
}

void sigmoid_gate(const float* gate, const float* up, size_t size, float* out) {
  const VF32 one = hn::Set(F32(), 1.0f);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    const VF32 sigmoid = hn::Div(one, hn::Add(one, exp(hn::Neg(load(gate + i, count)))));
    store(hn::Mul(sigmoid, load(up + i, count)), out + i, count);
  });
}

void limited_silu_gate(const float* gate, const float* up, float limit, size_t size, float* out) {
  const VF32 one = hn::Set(F32(), 1.0f), high = hn::Set(F32(), limit), low = hn::Set(F32(), -limit);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    // Comparisons in place of Min and Max, which differ between CPUs in what they make of a NaN.
    VF32 g = load(gate + i, count), u = load(up + i, count);
    g = hn::IfThenElse(hn::Gt(g, high), high, g);
    u = hn::IfThenElse(hn::Gt(u, high), high, u);
    u = hn::IfThenElse(hn::Lt(u, low), low, u);
    const VF32 silu = hn::Div(g, hn::Add(one, exp(hn::Neg(g))));
    store(hn::Mul(silu, u), out + i, count);
  });
}

void gelu_gate(const float* gate, const float* up, size_t size, float* out) {
  const VF32 one = hn::Set(F32(), 1.0f), cubic = hn::Set(F32(), 0.044715f);
  const VF32 twice_root = hn::Set(F32(), 1.5957691216057308f);  // 2 sqrt(2 / pi)
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    const VF32 g = load(gate + i, count);
    const VF32 polynomial = hn::Mul(g, hn::Add(one, hn::Mul(hn::Mul(g, g), cubic)));
    const VF32 gelu = hn::Div(g, hn::Add(one, exp(hn::Neg(hn::Mul(polynomial, twice_root)))));
    store(hn::Mul(gelu, load(up + i, count)), out + i, count);
  });
}

void add_scaled(float* x, const float* y, float factor, size_t size) {
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    const VF32 more = hn::Mul(load(y + i, count), hn::Set(F32(), factor));
    store(hn::Add(load(x + i, count), more), x + i, count);
  });
}

void add(float* x, const float* y, size_t size) {
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    store(hn::Add(load(x + i, count), load(y + i, count)), x + i, count);
  });
}

void scale(float* x, float factor, size_t size) {
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    store(hn::Mul(load(x + i, count), hn::Set(F32(), factor)), x + i, count);
  });
}

void apply_rope(float* first_head, size_t heads, size_t head_dimension, const float* cosine,
                const float* sine, size_t pairs) {
  for (size_t head = 0; head < heads; ++head) {
    float* first = first_head + head * head_dimension;
    float* second = first + pairs;
    for_each_vector(pairs, [&](size_t i, size_t count) HWY_ATTR {
      const VF32 a = load(first + i, count), b = load(second + i, count);
      const VF32 c = load(cosine + i, count), s = load(sine + i, count);
      store(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), first + i, count);
      store(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), second + i, count);
    });
  }
}

void apply_rope_adjacent(float* first_head, size_t heads, size_t head_dimension, const float* cosine,
                         const float* sine, size_t pairs) {
  const F32 d;
  for (size_t head = 0; head < heads; ++head) {
    float* pair = first_head + head * head_dimension;
    for_each_vector(pairs, [&](size_t i, size_t count) HWY_ATTR {
      float buffer[2 * lanes] = {};
      float* at = count == lanes ? pair + 2 * i : buffer;
      if (count < lanes) std::memcpy(buffer, pair + 2 * i, 2 * count * sizeof(float));
      VF32 a, b;
      hn::LoadInterleaved2(d, at, a, b);
      const VF32 c = load(cosine + i, count), s = load(sine + i, count);
      const VF32 first = hn::Sub(hn::Mul(a, c), hn::Mul(b, s)),
                 second = hn::Add(hn::Mul(b, c), hn::Mul(a, s));
      hn::StoreInterleaved2(first, second, d, at);
      if (count < lanes) std::memcpy(pair + 2 * i, buffer, 2 * count * sizeof(float));
    });
  }
}

void exponential(const float* x, size_t size, float* out) {
  for_each_vector(size,
                  [&](size_t i, size_t count) HWY_ATTR { store(exp(load(x + i, count)), out + i, count); });
}

void f32_to_f16_row(const float* x, size_t size, uint16_t* out) {
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    if (count == lanes) return store_f16(load(x + i, lanes), out + i);
    uint16_t buffer[lanes];
    store_f16(load(x + i, count), buffer);
    std::memcpy(out + i, buffer, count * sizeof(uint16_t));
  });
}

void f16_to_f32_row(const uint16_t* x, size_t size, float* out) {
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    uint16_t buffer[lanes] = {};
    std::memcpy(buffer, x + i, count * sizeof(uint16_t));
    store(load_f16(buffer), out + i, count);
  });
}

const FloatOps& float_code() {
  static const FloatOps all = {.instructions = hwy::TargetName(HWY_TARGET),
                               .sum_of_squares_blocks = sum_of_squares_blocks,
                               .sum_of_elements_blocks = sum_of_elements_blocks,
                               .subtract = subtract,
                               .rms_norm_range = rms_norm_range,
                               .max_magnitude_bits = max_magnitude_bits,
                               .quantize_range = quantize_range,
                               .relu_squared_gate = relu_squared_gate,
                               .silu_gate = silu_gate,
                               .sigmoid_gate = sigmoid_gate,
                               .limited_silu_gate = limited_silu_gate,
                               .gelu_gate = gelu_gate,
                               .add = add,
                               .add_scaled = add_scaled,
                               .scale = scale,
                               .apply_rope = apply_rope,
                               .apply_rope_adjacent = apply_rope_adjacent,
                               .exponential = exponential,
                               .f32_to_f16_row = f32_to_f16_row,
                               .f16_to_f32_row = f16_to_f32_row};
  return all;
}

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {

HWY_EXPORT(float_code);

const FloatOps& float_ops(VectorLevel level) {
  return function_for(HWY_DISPATCH_TABLE(float_code), level)();
}

float fold_blocks(const float* sums, size_t blocks) {
  SumTree tree;
  for (size_t block = 0; block < blocks; ++block) tree.add(sums[block]);
  return tree.total();
}

float rms_norm_factor(float sum_of_squares, size_t size, float epsilon) {
  return 1.0f / std::sqrt(sum_of_squares / static_cast<float>(size) + epsilon);
}

float quantize_scale(int32_t max_bits) {
  if (max_bits >= std::bit_cast<int32_t>(std::numeric_limits<float>::infinity()))
    return std::numeric_limits<float>::quiet_NaN();
  const float largest = std::bit_cast<float>(max_bits);
  return 127.0f / (largest > 1e-5f ? largest : 1e-5f);
}

float group_scale(int32_t max_bits) {
  if (max_bits >= std::bit_cast<int32_t>(std::numeric_limits<float>::infinity()))
    return std::numeric_limits<float>::quiet_NaN();
  const float largest = std::bit_cast<float>(max_bits);
  return (largest > 1e-5f ? largest : 1e-5f) / 127.0f;
}

void FloatOps::center_row(const float* x, size_t size, float* out) const {
  SumTree tree;
  for (size_t block = 0; block < sum_blocks(size); ++block) {
    float sum;
    sum_of_elements_blocks(x + block * sum_block, 0, 1, size - block * sum_block, &sum);
    tree.add(sum);
  }
  subtract(x, tree.total() / static_cast<float>(size), size, out);
}

void FloatOps::rms_norm_row(const float* x, const float* weight, float epsilon, size_t size,
                            float* out) const {
  SumTree tree;
  for (size_t block = 0; block < sum_blocks(size); ++block) {
    float sum;
    sum_of_squares_blocks(x + block * sum_block, 0, 1, size - block * sum_block, &sum);
    tree.add(sum);
  }
  rms_norm_range(x, weight, rms_norm_factor(tree.total(), size, epsilon), size, out);
}

float FloatOps::quantize_row(const float* x, size_t size, size_t padded_size, int8_t* out,
                             int32_t& sum) const {
  const float row_scale = quantize_scale(max_magnitude_bits(x, size));
  sum = quantize_range(x, row_scale, size, out);
  std::memset(out + size, 0, padded_size - size);
  return row_scale;
}

float FloatOps::norm_and_quantize_row(const float* x, const float* weight, float epsilon, size_t size,
                                      size_t padded_size, float* scratch, int8_t* out, int32_t& sum) const {
  rms_norm_row(x, weight, epsilon, size, scratch);
  return quantize_row(scratch, size, padded_size, out, sum);
}

}  // namespace tern::runtime
#endif  // HWY_ONCE

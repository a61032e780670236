#include "runtime/math/float_ops.h"

// Highway includes this file once for every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/math/float_ops.cpp"
#include "hwy/foreach_target.h"
#include "runtime/math/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {

void rms_norm(const float* x, const float* weight, float epsilon, size_t size, float* out) {
  const F32 d;
  const float sum = sum_of(x, size, [](VF32 v) HWY_ATTR { return hn::Mul(v, v); });
  const VF32 mean = hn::Set(d, sum / static_cast<float>(size));
  const VF32 r = hn::Div(hn::Set(d, 1.0f), hn::Sqrt(hn::Add(mean, hn::Set(d, epsilon))));
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    store(hn::Mul(hn::Mul(load(x + i, count), r), load(weight + i, count)), out + i, count);
  });
}

// The bits of the largest |x[i]|. As integers, magnitudes are in their order, then infinity, then NaN.
int32_t largest_magnitude(const float* x, size_t size) {
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

float quantize_row(const float* x, size_t size, size_t padded_size, int8_t* out, int32_t& sum) {
  const F32 d;
  const I32 integers;
  const hn::Rebind<int8_t, F32> bytes;
  constexpr int32_t infinity_bits = 0x7f800000;
  sum = 0;
  const int32_t largest_bits = largest_magnitude(x, size);
  if (largest_bits >= infinity_bits) {
    std::memset(out, 0, padded_size);
    const int32_t nan_bits = 0x7fc00000;
    float nan;
    std::memcpy(&nan, &nan_bits, sizeof nan);
    return nan;
  }
  float largest;
  std::memcpy(&largest, &largest_bits, sizeof largest);
  const float scale = 127.0f / (largest > 1e-5f ? largest : 1e-5f);
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
  std::memset(out + size, 0, padded_size - size);
  int32_t each[lanes];
  hn::StoreU(sums, integers, each);
  for (const int32_t lane : each) sum += lane;
  return scale;
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

void apply_rope(float* row, size_t heads, size_t head_dimension, const float* cosine, const float* sine,
                size_t pairs) {
  for (size_t head = 0; head < heads; ++head) {
    float* first = row + head * head_dimension;
    float* second = first + pairs;
    for_each_vector(pairs, [&](size_t i, size_t count) HWY_ATTR {
      const VF32 a = load(first + i, count), b = load(second + i, count);
      const VF32 c = load(cosine + i, count), s = load(sine + i, count);
      store(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), first + i, count);
      store(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), second + i, count);
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

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {

HWY_EXPORT(rms_norm);
HWY_EXPORT(quantize_row);
HWY_EXPORT(relu_squared_gate);
HWY_EXPORT(silu_gate);
HWY_EXPORT(add);
HWY_EXPORT(scale);
HWY_EXPORT(apply_rope);
HWY_EXPORT(exponential);
HWY_EXPORT(f32_to_f16_row);
HWY_EXPORT(f16_to_f32_row);

void rms_norm(const float* x, const float* weight, float epsilon, size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm)(x, weight, epsilon, size, out);
}

float quantize_row(const float* x, size_t size, size_t padded_size, int8_t* out, int32_t& sum) {
  return HWY_DYNAMIC_DISPATCH(quantize_row)(x, size, padded_size, out, sum);
}

void relu_squared_gate(const float* gate, const float* up, size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(relu_squared_gate)(gate, up, size, out);
}

void silu_gate(const float* gate, const float* up, size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(silu_gate)(gate, up, size, out);
}

void add(float* x, const float* y, size_t size) {
  HWY_DYNAMIC_DISPATCH(add)(x, y, size);
}

void scale(float* x, float factor, size_t size) {
  HWY_DYNAMIC_DISPATCH(scale)(x, factor, size);
}

void apply_rope(float* row, size_t heads, size_t head_dimension, const float* cosine, const float* sine,
                size_t pairs) {
  HWY_DYNAMIC_DISPATCH(apply_rope)(row, heads, head_dimension, cosine, sine, pairs);
}

void exponential(const float* x, size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(exponential)(x, size, out);
}

void f32_to_f16_row(const float* x, size_t size, uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(f32_to_f16_row)(x, size, out);
}

void f16_to_f32_row(const uint16_t* x, size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(f16_to_f32_row)(x, size, out);
}

}  // namespace tern::runtime
#endif  // HWY_ONCE

#include "runtime/math/delta_rule.h"

#include "runtime/math/portable_math.h"

// Highway includes this file once for every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/math/delta_rule.cpp"
#include "hwy/foreach_target.h"
#include "runtime/math/vector_math-inl.h"
#include "runtime/math/vector_table.h"

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {

void convolve(const float* const* taps, const float* weights, size_t stride, size_t count, size_t size,
              float* out) {
  const VF32 one = hn::Set(F32(), 1.0f);
  for_each_vector(size, [&](size_t i, size_t elements) HWY_ATTR {
    VF32 sum = hn::Mul(load(taps[0] + i, elements), load(weights + i, elements));
    for (size_t j = 1; j < count; ++j) {
      const VF32 weight = load(weights + j * stride + i, elements);
      sum = hn::Add(sum, hn::Mul(load(taps[j] + i, elements), weight));
    }
    store(hn::Div(sum, hn::Add(one, exp(hn::Neg(sum)))), out + i, elements);
  });
}

// `vectors` full vectors of columns.
template <size_t vectors>
HWY_INLINE void update_vectors(float* memory, size_t stride, size_t keys, const float* q, const float* k,
                               const float* v, DeltaGates gates, float* out) {
  const F32 d;
  const VF32 decay = hn::Set(d, gates.decay), strength = hn::Set(d, gates.strength);
  VF32 sums[vectors], difference[vectors];
  for (size_t j = 0; j < vectors; ++j) sums[j] = hn::Zero(d);
  for (size_t i = 0; i < keys; ++i) {
    float* row = memory + i * stride;
    const VF32 key = hn::Set(d, k[i]);
    for (size_t j = 0; j < vectors; ++j) {
      const VF32 decayed = hn::Mul(hn::LoadU(d, row + j * lanes), decay);
      hn::StoreU(decayed, d, row + j * lanes);
      const VF32 product = hn::Mul(key, decayed);
      sums[j] = i == 0 ? product : hn::Add(sums[j], product);
    }
  }
  for (size_t j = 0; j < vectors; ++j)
    difference[j] = hn::Mul(hn::Sub(hn::LoadU(d, v + j * lanes), sums[j]), strength);
  for (size_t i = 0; i < keys; ++i) {
    float* row = memory + i * stride;
    const VF32 key = hn::Set(d, k[i]), query = hn::Set(d, q[i]);
    for (size_t j = 0; j < vectors; ++j) {
      const VF32 after = hn::Add(hn::LoadU(d, row + j * lanes), hn::Mul(key, difference[j]));
      hn::StoreU(after, d, row + j * lanes);
      const VF32 product = hn::Mul(query, after);
      sums[j] = i == 0 ? product : hn::Add(sums[j], product);
    }
  }
  for (size_t j = 0; j < vectors; ++j) hn::StoreU(sums[j], d, out + j * lanes);
}

// Updates one column of the memory, keys x values: the last columns, fewer than a vector has lanes.
void update_column(float* memory, size_t stride, size_t keys, const float* q, const float* k, float v,
                   DeltaGates gates, float* out) {
  float sum = 0;
  for (size_t i = 0; i < keys; ++i) {
    float& at = memory[i * stride];
    at *= gates.decay;
    sum = i == 0 ? k[i] * at : sum + k[i] * at;
  }
  const float difference = (v - sum) * gates.strength;
  for (size_t i = 0; i < keys; ++i) {
    float& at = memory[i * stride];
    at += k[i] * difference;
    sum = i == 0 ? q[i] * at : sum + q[i] * at;
  }
  *out = sum;
}

void update(float* memory, size_t stride, size_t keys, size_t columns, const float* q, const float* k,
            const float* v, DeltaGates gates, float* out) {
  size_t j = 0;
  constexpr size_t many = 4;
  for (; j + many * lanes <= columns; j += many * lanes)
    update_vectors<many>(memory + j, stride, keys, q, k, v + j, gates, out + j);
  for (; j + lanes <= columns; j += lanes)
    update_vectors<1>(memory + j, stride, keys, q, k, v + j, gates, out + j);
  for (; j < columns; ++j) update_column(memory + j, stride, keys, q, k, v[j], gates, out + j);
}

DeltaOps delta_code() {
  return {convolve, update};
}

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {

HWY_EXPORT(delta_code);

DeltaOps delta_ops(VectorLevel level) {
  return function_for(HWY_DISPATCH_TABLE(delta_code), level)();
}

DeltaGates delta_gates(float alpha, float bias, float rate, float beta) {
  const double x = static_cast<double>(alpha) + bias;
  if (x != x) return {alpha + bias, alpha + bias};
  // Beyond 40, ln(1 + exp(x)) is x to the last bit of a double.
  const double softplus = x > 40 ? x : portable_log(1 + portable_exp(x));
  return {static_cast<float>(portable_exp(softplus * rate)),
          static_cast<float>(1 / (1 + portable_exp(-static_cast<double>(beta))))};
}

}  // namespace tern::runtime
#endif  // HWY_ONCE

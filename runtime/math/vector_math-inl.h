// Vector pieces that float_ops.cpp and attention.cpp share. Highway compiles this once for every instruction
// set; whatever is here must give the same bits for every vector width. See float_ops.h for the rules.

// Toggled by Highway, so that each instruction set includes this file anew.
#if defined(TERN_RUNTIME_VECTOR_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TERN_RUNTIME_VECTOR_MATH_INL_H
#undef TERN_RUNTIME_VECTOR_MATH_INL_H
#else
#define TERN_RUNTIME_VECTOR_MATH_INL_H
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "runtime/math/float_ops.h"

// Whether the instruction set converts f16 itself. Highway's own code elsewhere truncates.
#undef TERN_NATIVE_F16
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
#define TERN_NATIVE_F16 1
#else
#define TERN_NATIVE_F16 0
#endif

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 16 lanes at most: what blocks of keys and the padding of values are made for.
using F32 = hn::CappedTag<float, 16>;
using I32 = hn::RebindToSigned<F32>;
using U32 = hn::RebindToUnsigned<F32>;
using U16 = hn::Rebind<uint16_t, F32>;
using VF32 = hn::Vec<F32>;
inline constexpr size_t lanes = hn::MaxLanes(F32());
inline constexpr size_t partial_sums = 32;

// The first `count` elements at p, zeros behind them.
HWY_INLINE VF32 load(const float* p, size_t count) {
  if (count == lanes) return hn::LoadU(F32(), p);
  float buffer[lanes] = {};
  std::memcpy(buffer, p, count * sizeof(float));
  return hn::LoadU(F32(), buffer);
}

HWY_INLINE void store(VF32 v, float* p, size_t count) {
  if (count == lanes) return hn::StoreU(v, F32(), p);
  float buffer[lanes];
  hn::StoreU(v, F32(), buffer);
  std::memcpy(p, buffer, count * sizeof(float));
}

// Calls body(i, count) for consecutive groups of elements: count is `lanes`, and less in the last group.
template <class Body>
HWY_INLINE void for_each_vector(size_t size, const Body& body) {
  size_t i = 0;
  for (; i + lanes <= size; i += lanes) body(i, lanes);
  if constexpr (lanes > 1) {
    if (i < size) body(i, size - i);
  }
}

// The sum of term(x[i]) over one block, size <= sum_block, in the order that float_ops.h defines. term(0) is
// 0.
template <class Term>
HWY_INLINE float block_sum(const float* x, size_t size, const Term& term) {
  constexpr size_t vectors = partial_sums / lanes;
  VF32 sums[vectors];
  for (size_t j = 0; j < vectors; ++j) sums[j] = hn::Zero(F32());
  const auto add_stretch = [&](const float* stretch) HWY_ATTR {
    for (size_t j = 0; j < vectors; ++j) {
      sums[j] = hn::Add(sums[j], term(hn::LoadU(F32(), stretch + j * lanes)));
    }
  };
  size_t i = 0;
  for (; i + partial_sums <= size; i += partial_sums) add_stretch(x + i);
  if (i < size) {
    // Zeros leave a partial sum as it is: it starts as +0 and so never is -0.
    float stretch[partial_sums] = {};
    std::memcpy(stretch, x + i, (size - i) * sizeof(float));
    add_stretch(stretch);
  }
  float folded[partial_sums];
  for (size_t j = 0; j < vectors; ++j) hn::StoreU(sums[j], F32(), folded + j * lanes);
  for (size_t half = partial_sums / 2; half > 0; half /= 2) {
    for (size_t l = 0; l < half; ++l) folded[l] += folded[l + half];
  }
  return folded[0];
}

// exp(x) = 2^n * exp(r), where n = round(x / ln 2) and r = x - n ln 2, |r| < 0.3466: there the Taylor
// polynomial of degree 7 is within 6e-9 of it. NaN stays NaN.
HWY_INLINE VF32 exp(VF32 x) {
  const F32 d;
  const U32 bits;
  // The results for these are the first and the last that are normal numbers.
  const VF32 lowest = hn::Set(d, -87.33f), highest = hn::Set(d, 88.72283f);
  const VF32 clamped = hn::Min(hn::Max(x, lowest), highest);
  // Adding 1.5 * 2^23 leaves no bits for a fraction: the sum is rounded to an integer, which its low bits
  // hold.
  const VF32 magic = hn::Set(d, 12582912.0f);
  const VF32 shifted = hn::Add(hn::Mul(clamped, hn::Set(d, 1.44269504f)), magic);
  const VF32 n = hn::Sub(shifted, magic);
  // ln 2 in two parts, the first of 15 bits so that its product with n is exact.
  VF32 r = hn::Sub(clamped, hn::Mul(n, hn::Set(d, 0.693145751953125f)));
  r = hn::Sub(r, hn::Mul(n, hn::Set(d, 1.42860677e-6f)));
  VF32 y = hn::Set(d, 1.0f / 5040);
  for (const float coefficient : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f}) {
    y = hn::Add(hn::Mul(y, r), hn::Set(d, coefficient));
  }
  // y is close to 1: adding n to its exponent multiplies it by 2^n.
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(bits, shifted));
  y = hn::BitCast(d, hn::Add(hn::BitCast(bits, y), exponent));
  y = hn::IfThenZeroElse(hn::Lt(x, lowest), y);
  y = hn::IfThenElse(hn::Gt(x, highest), hn::Inf(d), y);
  return hn::IfThenElse(hn::Eq(x, x), y, x);
}

HWY_INLINE VF32 load_f16(const uint16_t* p) {
  const F32 d;
#if TERN_NATIVE_F16
  const hn::Rebind<hwy::float16_t, F32> half;
  return hn::PromoteTo(d, hn::BitCast(half, hn::LoadU(U16(), p)));
#else
  const U32 bits;
  const I32 integers;
  const auto half = hn::PromoteTo(bits, hn::LoadU(U16(), p));
  const auto magnitude = hn::And(half, hn::Set(bits, 0x7fff));
  const auto sign = hn::ShiftLeft<16>(hn::Xor(half, magnitude));
  // Normal numbers: move the fields, then mend the exponent. Subnormal ones are integers times 2^-24 (to
  // pass through subnormal f32 numbers would be right as well, and slow).
  const auto fields = hn::ShiftLeft<13>(magnitude);
  auto value = hn::Add(fields, hn::Set(bits, 112u << 23));
  const auto subnormal = hn::Mul(hn::ConvertTo(d, hn::BitCast(integers, magnitude)), hn::Set(d, 0x1p-24f));
  const auto is_subnormal = hn::Lt(hn::BitCast(integers, magnitude), hn::Set(integers, 0x400));
  value = hn::IfThenElse(hn::RebindMask(bits, is_subnormal), hn::BitCast(bits, subnormal), value);
  const auto is_huge = hn::Gt(hn::BitCast(integers, magnitude), hn::Set(integers, 0x7bff));
  const auto huge = hn::Or(fields, hn::Set(bits, 0x7f800000u));
  value = hn::IfThenElse(hn::RebindMask(bits, is_huge), huge, value);
  return hn::BitCast(d, hn::Or(value, sign));
#endif
}

HWY_INLINE void store_f16(VF32 x, uint16_t* p) {
#if TERN_NATIVE_F16
  const hn::Rebind<hwy::float16_t, F32> half;
  hn::StoreU(hn::BitCast(U16(), hn::DemoteTo(half, x)), U16(), p);
#else
  const F32 d;
  const U32 bits;
  const I32 integers;
  const auto word = hn::BitCast(bits, x);
  const auto magnitude = hn::And(word, hn::Set(bits, 0x7fffffffu));
  const auto sign = hn::ShiftRight<16>(hn::Xor(word, magnitude));
  // Normal numbers: rebias the exponent and round off 13 bits to even.
  const auto rebiased = hn::Sub(magnitude, hn::Set(bits, 112u << 23));
  const auto odd = hn::And(hn::ShiftRight<13>(rebiased), hn::Set(bits, 1));
  auto value = hn::ShiftRight<13>(hn::Add(hn::Add(rebiased, hn::Set(bits, 0xfff)), odd));
  // Subnormal ones are multiples of 2^-24: adding 0.5 leaves just those bits, rounded.
  const auto sum = hn::Add(hn::BitCast(d, magnitude), hn::Set(d, 0.5f));
  const auto subnormal = hn::Sub(hn::BitCast(bits, sum), hn::Set(bits, 0x3f000000u));
  const auto signed_magnitude = hn::BitCast(integers, magnitude);
  const auto is_subnormal = hn::Lt(signed_magnitude, hn::Set(integers, 0x38800000));
  value = hn::IfThenElse(hn::RebindMask(bits, is_subnormal), subnormal, value);
  const auto is_infinite = hn::Gt(signed_magnitude, hn::Set(integers, 0x477fefff));  // from 65520 on
  value = hn::IfThenElse(hn::RebindMask(bits, is_infinite), hn::Set(bits, 0x7c00), value);
  const auto is_nan = hn::Gt(signed_magnitude, hn::Set(integers, 0x7f800000));
  value = hn::IfThenElse(hn::RebindMask(bits, is_nan), hn::Set(bits, 0x7e00), value);
  hn::StoreU(hn::DemoteTo(U16(), hn::BitCast(integers, hn::Or(value, sign))), U16(), p);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

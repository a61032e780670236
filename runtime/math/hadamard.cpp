#include "runtime/math/hadamard.h"

// Highway includes this file once for every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/math/hadamard.cpp"
#include "hwy/foreach_target.h"
#include "runtime/math/vector_math-inl.h"
#include "runtime/math/vector_table.h"

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {

// The stages whose two elements are in one vector: lane i becomes v[i] + v[i + h], or v[i - h] - v[i] where i
// has the bit h. Adding a negated number rounds as subtracting it does.
class SmallStages {
 public:
  HWY_ATTR explicit SmallStages(size_t block) {
    for (size_t h = 1; h < lanes && h < block; h *= 2) {
      int32_t partner[lanes];
      float sign[lanes];
      for (size_t i = 0; i < lanes; ++i) {
        partner[i] = static_cast<int32_t>(i ^ h);
        sign[i] = (i & h) != 0 ? -1.0f : 1.0f;
      }
      partners_[count_] = hn::SetTableIndices(F32(), partner);
      signs_[count_++] = hn::LoadU(F32(), sign);
    }
  }
  HWY_ATTR VF32 apply(VF32 v) const {
    for (size_t stage = 0; stage < count_; ++stage)
      v = hn::Add(hn::TableLookupLanes(v, partners_[stage]), hn::Mul(v, signs_[stage]));
    return v;
  }

 private:
  using Indices = decltype(hn::SetTableIndices(F32(), static_cast<const int32_t*>(nullptr)));
  Indices partners_[4];
  VF32 signs_[4];
  size_t count_ = 0;
};
static_assert(lanes <= 16);

void transform(const float* x, const float* before, const float* after, size_t block, size_t size,
               float* out) {
  const SmallStages small(block);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    VF32 v = load(x + i, count);
    if (before) v = hn::Mul(v, load(before + i, count));
    store(small.apply(v), out + i, count);
  });
  // Blocks of at least two vectors: `size` is a multiple of them, so no vector is cut.
  for (size_t first = 0; first < size; first += block) {
    for (size_t h = lanes; h < block; h *= 2) {
      for (size_t begin = first; begin < first + block; begin += 2 * h) {
        for (size_t i = begin; i < begin + h; i += lanes) {
          const VF32 a = hn::LoadU(F32(), out + i), b = hn::LoadU(F32(), out + i + h);
          hn::StoreU(hn::Add(a, b), F32(), out + i);
          hn::StoreU(hn::Sub(a, b), F32(), out + i + h);
        }
      }
    }
  }
  if (!after) return;
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    store(hn::Mul(load(out + i, count), load(after + i, count)), out + i, count);
  });
}

HadamardOps hadamard_code() {
  return {transform};
}

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {

HWY_EXPORT(hadamard_code);

HadamardOps hadamard_ops(VectorLevel level) {
  return function_for(HWY_DISPATCH_TABLE(hadamard_code), level)();
}

}  // namespace tern::runtime
#endif  // HWY_ONCE

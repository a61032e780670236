#include "runtime/math/vector_dispatch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/math/vector_dispatch.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {

int64_t this_target() {
  return HWY_TARGET;
}

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {

HWY_EXPORT(this_target);

namespace {

// Highway's x86 targets that `level` forbids.
int64_t forbidden(VectorLevel level) {
  const int64_t avx512 = HWY_AVX3 | HWY_AVX3_DL;
  switch (level) {
    case VectorLevel::baseline: return HWY_SSSE3 | HWY_SSE4 | HWY_AVX2 | avx512;
    case VectorLevel::ssse3: return HWY_SSE4 | HWY_AVX2 | avx512;
    case VectorLevel::sse4: return HWY_AVX2 | avx512;
    case VectorLevel::avx2: return avx512;
    case VectorLevel::avx512: return 0;
    case VectorLevel::best: return 0;
  }
  return 0;
}

}  // namespace

void limit_vector_instructions(VectorLevel level) {
  hwy::DisableTargets(forbidden(level));
}

std::string vector_instructions() {
  return hwy::TargetName(HWY_DYNAMIC_DISPATCH(this_target)());
}

}  // namespace tern::runtime
#endif  // HWY_ONCE

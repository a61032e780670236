#include "runtime/math/vector_level.h"

#include "hwy/highway.h"
#include "hwy/targets.h"

namespace tern::runtime {
namespace {

using targets::Feature;

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

VectorLevel vector_level_of(const targets::Target& target) {
  const targets::FeatureSet& features = target.features;
  if (target.architecture == targets::Architecture::aarch64 || target.name == "host")
    return VectorLevel::best;
  if (features.contains({Feature::avx512bw, Feature::avx512dq, Feature::avx512vl}))
    return VectorLevel::avx512;
  if (features.contains({Feature::avx2, Feature::fma, Feature::f16c})) return VectorLevel::avx2;
  if (features.contains(Feature::sse4_2)) return VectorLevel::sse4;
  if (features.contains(Feature::ssse3)) return VectorLevel::ssse3;
  return VectorLevel::baseline;
}

int64_t vector_targets(VectorLevel level) {
  return hwy::SupportedTargets() & ~forbidden(level);
}

}  // namespace tern::runtime

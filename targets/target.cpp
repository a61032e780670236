#include "targets/target.h"

#include <algorithm>

namespace tern::targets {

const Cache* find_cache(const Target& target, int level) {
  const auto found = std::ranges::find(target.caches, level, &Cache::level);
  return found == target.caches.end() ? nullptr : &*found;
}

int vector_registers(Architecture architecture, FeatureSet features) {
  switch (architecture) {
    case Architecture::any: return 16;  // the fewest of the others
    case Architecture::x86_64: return features.contains(Feature::avx512f) ? 32 : 16;
    case Architecture::aarch64: return 32;
    case Architecture::riscv64: return 32;
  }
  return 0;
}

int max_vector_bits(Architecture architecture, FeatureSet features) {
  switch (architecture) {
    case Architecture::any: return 128;
    case Architecture::x86_64:
      if (features.contains(Feature::avx512f)) return 512;
      return features.contains(Feature::avx2) ? 256 : 128;  // AVX alone has no 256-bit integer arithmetic
    case Architecture::aarch64: return features.contains(Feature::sve) ? 2048 : 128;
    case Architecture::riscv64: return features.contains(Feature::v) ? 65536 : 64;
  }
  return 0;
}

}  // namespace tern::targets

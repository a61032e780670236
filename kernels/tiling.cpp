#include "kernels/tiling.h"

#include <algorithm>

namespace tern::kernels {
namespace {

using targets::Feature;

// Tiles compared by their spills and by instructions a weight. Loads of SVE's vectors take no large offsets,
// so each one of a block keeps a register busy; and its sdot takes a lane from eight registers only, which
// steps of several rows laid out one after the other would crowd. Where NEON has no dot products of bytes,
// each sum has two registers of products that wait in 16 bits.
Tiling arm_tiling(const targets::Target& target, int64_t lanes) {
  if (lanes > 4) return {lanes, 4, 8, 2, 0, false};
  return target.features.contains(Feature::dotprod) ? Tiling{lanes, 4, 8, 2} : Tiling{lanes, 4, 3, 2};
}

}  // namespace

bool has_dot4(const targets::Target& target, int64_t bits) {
  if (target.architecture != targets::Architecture::x86_64) return true;
  const targets::FeatureSet& features = target.features;
  if (bits == 512) return features.contains(Feature::avx512vnni);
  return features.contains(Feature::avxvnni) || features.contains({Feature::avx512vnni, Feature::avx512vl});
}

Tiling dot4_tiling(const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  const int64_t lanes = std::max<int64_t>(target.vector_bits / 32, 4);
  if (target.architecture == targets::Architecture::aarch64) return arm_tiling(target, lanes);
  return {lanes, many_registers ? 8 : 4, many_registers ? 10 : 4, 2};
}

// Tiles compared by llvm-mca's models of Haswell, Zen 3 and Skylake-SP.
Tiling widening_tiling(const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  Tiling tiling = dot4_tiling(target);
  tiling.block_vectors = 4;
  tiling.row_tile = many_registers ? 5 : 6;
  tiling.row_vectors = many_registers ? 2 : 1;
  return tiling;
}

}  // namespace tern::kernels

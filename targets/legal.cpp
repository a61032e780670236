#include "targets/legal.h"

#include <fmt/format.h>

#include "ir/kernel_shape.h"

namespace tern::targets {
namespace {

// Appends why x86 lacks the instructions of `dot` for accumulators of that many bits.
void check_x86_dot(const ir::Compute& compute, int bits, const FeatureSet& features,
                   std::vector<std::string>& reasons) {
  const auto needs = [&](bool has, std::string_view what, std::string_view feature) {
    if (!has) reasons.push_back(fmt::format("{} on {} bits needs {}", what, bits, feature));
  };
  if (bits != 128 && bits != 256 && bits != 512) {
    reasons.push_back(fmt::format("x86 has no vectors of {} bits", bits));
    return;
  }
  if (compute.offset == 0) {
    if (bits == 512)
      reasons.push_back("x86 multiplies signed by signed bytes on 128 and 256 bits only");
    else
      needs(features.contains(Feature::avxvnniint8), "dot of signed weights", "avxvnniint8");
    return;
  }
  const bool quads = bits == 512 ? features.contains(Feature::avx512vnni)
                                 : features.contains(Feature::avxvnni) ||
                                       features.contains({Feature::avx512vnni, Feature::avx512vl});
  if (compute.widen_every_k == 0 && quads) return;
  // On 128 bits plain arithmetic does where ssse3 is missing.
  if (bits == 512) needs(features.contains(Feature::avx512bw), "dot", "avx512bw");
  if (bits == 256) needs(features.contains(Feature::avx2), "dot", "avx2");
}

// The same of AArch64, which has NEON's vectors and SVE's; plain arithmetic does where an instruction is
// missing.
void check_arm_dot(int bits, const Target& target, std::vector<std::string>& reasons) {
  if (bits != 64 && bits != 128 && bits != target.vector_bits)
    reasons.push_back(fmt::format("{} has no vectors of {} bits", target.name, bits));
}

}  // namespace

std::vector<std::string> illegal(const ir::Kernel& kernel, const Target& target) {
  std::vector<std::string> reasons;
  const int bits = leaf_of(kernel).lanes * 32;
  // A target that is no CPU in particular runs vectors of any width, in pieces.
  if (target.architecture == Architecture::any) return reasons;
  if (bits > target.vector_bits)
    reasons.push_back(
        fmt::format("vectors of {} bits are wider than the target's {}", bits, target.vector_bits));
  switch (kernel.compute.strategy) {
    case ir::Strategy::dot:
      if (target.architecture == Architecture::x86_64)
        check_x86_dot(kernel.compute, bits, target.features, reasons);
      if (target.architecture == Architecture::aarch64) check_arm_dot(bits, target, reasons);
      break;
    case ir::Strategy::lookup:
    case ir::Strategy::tile:
    case ir::Strategy::addsub:
    case ir::Strategy::madd: break;  // plain arithmetic, which every target has
  }
  return reasons;
}

}  // namespace tern::targets

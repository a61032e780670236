#include "targets/legal.h"

#include <fmt/format.h>

#include "ir/kernel/kernel_shape.h"

namespace tern::targets {
namespace {

using Reasons = std::vector<std::string>;

// Bits of the widest vector that a kernel's instructions must take whole.
int vector_bits_of(const ir::Kernel& kernel) {
  const ir::Compute& compute = kernel.compute;
  const int lanes = leaf_of(kernel).lanes;
  switch (compute.strategy) {
    case ir::Strategy::lookup: return lanes * (compute.quads ? 32 : 8);
    case ir::Strategy::addsub: return lanes * (compute.widen_every_k != 0 ? 16 : 32);
    case ir::Strategy::dot:
    case ir::Strategy::tile:
    case ir::Strategy::madd: return lanes * 32;
  }
  return 0;
}

// Says what x86 lacks for a kernel.
class CheckX86 {
 public:
  CheckX86(const FeatureSet& features, int bits, Reasons& reasons)
      : features_(features), bits_(bits), reasons_(reasons) {}

  void check(const ir::Kernel& kernel) {
    const ir::Compute& compute = kernel.compute;
    if (compute.strategy == ir::Strategy::madd) return;  // plain arithmetic, which every CPU has
    if (bits_ != 128 && bits_ != 256 && bits_ != 512)
      return reasons_.push_back(fmt::format("x86 has no vectors of {} bits", bits_));
    if (compute.unpack == ir::Unpack::table) check_bytes("looking codes up");
    switch (compute.strategy) {
      case ir::Strategy::dot: return check_dot(compute);
      case ir::Strategy::lookup:
        check_bytes("looking sums up");
        if (compute.quads) needs(has_quads(), "adding four bytes to a sum", "avx512vnni or avxvnni");
        return;
      case ir::Strategy::addsub:
        needs(
            features_.contains(Feature::avx512bw) && (bits_ == 512 || features_.contains(Feature::avx512vl)),
            "addsub", bits_ == 512 ? "avx512bw" : "avx512bw and avx512vl");
        return;
      case ir::Strategy::tile: return check_tile(kernel);
      case ir::Strategy::madd: return;
    }
  }

 private:
  void needs(bool has, std::string_view what, std::string_view feature) {
    if (!has) reasons_.push_back(fmt::format("{} on {} bits needs {}", what, bits_, feature));
  }

  bool has_quads() const {
    if (bits_ == 512) return features_.contains(Feature::avx512vnni);
    return features_.contains(Feature::avxvnni) ||
           features_.contains({Feature::avx512vnni, Feature::avx512vl});
  }

  // Operations on bytes: multiplications, permutes.
  void check_bytes(std::string_view what) {
    if (bits_ == 512) needs(features_.contains(Feature::avx512bw), what, "avx512bw");
    if (bits_ == 256) needs(features_.contains(Feature::avx2), what, "avx2");
    if (bits_ == 128 && what != "dot") needs(features_.contains(Feature::ssse3), what, "ssse3");
  }

  void check_dot(const ir::Compute& compute) {
    if (compute.offset == 0) {
      if (bits_ == 512)
        reasons_.push_back("x86 multiplies signed by signed bytes on 128 and 256 bits only");
      else
        needs(features_.contains(Feature::avxvnniint8), "dot of signed weights", "avxvnniint8");
      return;
    }
    // On 128 bits plain arithmetic does where ssse3 is missing.
    if (compute.widen_every_k != 0 || !has_quads()) check_bytes("dot");
  }

  void check_tile(const ir::Kernel& kernel) {
    switch (tile_shape(kernel).unit) {
      case ir::TileUnit::quads: return check_dot(kernel.compute);
      case ir::TileUnit::pairs:
        return reasons_.push_back("x86 has no instruction that multiplies pairs of rows");
      case ir::TileUnit::matrices:
        if (!features_.contains(Feature::amx_int8)) reasons_.push_back("matrices need amx-int8");
        if (tile_registers(kernel) > 8)
          reasons_.push_back(fmt::format("the tile takes {} of AMX's 8 registers", tile_registers(kernel)));
        return;
    }
  }

  // Accumulators, the rows of activations and the vectors of outputs of a tile.
  static int64_t tile_registers(const ir::Kernel& kernel) {
    int64_t rows = 1, outputs = 1;
    bool inside_k = false;
    for (const ir::LoopExtent& extent : loop_extents(kernel)) {
      if (inside_k && extent.axis == ir::Axis::m) rows *= extent.trips;
      if (inside_k && extent.axis == ir::Axis::n) outputs *= extent.trips;
      inside_k |= extent.axis == ir::Axis::k;
    }
    return rows * outputs + rows + outputs;
  }

  const FeatureSet& features_;
  const int bits_;
  Reasons& reasons_;
};

// The same of AArch64, which has NEON's vectors and SVE's; plain arithmetic does where an instruction is
// missing.
void check_arm(const ir::Kernel& kernel, int bits, const Target& target, Reasons& reasons) {
  if (kernel.compute.strategy == ir::Strategy::madd) return;
  if (bits != 64 && bits != 128 && bits != target.vector_bits)
    reasons.push_back(fmt::format("{} has no vectors of {} bits", target.name, bits));
  if (kernel.compute.strategy == ir::Strategy::addsub && !target.features.contains(Feature::sve))
    reasons.push_back("masks need sve");
  if (kernel.compute.strategy != ir::Strategy::tile) return;
  const ir::TileUnit unit = tile_shape(kernel).unit;
  if (unit == ir::TileUnit::pairs && !target.features.contains(Feature::i8mm))
    reasons.push_back("multiplying pairs of rows needs i8mm");
  if (unit == ir::TileUnit::matrices) reasons.push_back("matrices are amx-int8's");
}

// Other CPUs get plain vector code, which has no matrices.
void check_other(const ir::Kernel& kernel, const Target& target, Reasons& reasons) {
  if (kernel.compute.strategy == ir::Strategy::tile && tile_shape(kernel).unit != ir::TileUnit::quads)
    reasons.push_back(fmt::format("{} has no instruction that multiplies matrices", target.name));
}

}  // namespace

std::vector<std::string> legality_errors(const ir::Kernel& kernel, const Target& target) {
  Reasons reasons;
  const int bits = vector_bits_of(kernel);
  // A target that is no CPU in particular runs vectors of any width, in pieces.
  if (target.architecture == Architecture::any) return reasons;
  if (bits > target.vector_bits)
    reasons.push_back(
        fmt::format("vectors of {} bits are wider than the target's {}", bits, target.vector_bits));
  switch (target.architecture) {
    case Architecture::x86_64: CheckX86(target.features, bits, reasons).check(kernel); break;
    case Architecture::aarch64: check_arm(kernel, bits, target, reasons); break;
    case Architecture::riscv64: check_other(kernel, target, reasons); break;
    case Architecture::any: break;
  }
  return reasons;
}

}  // namespace tern::targets

#include "targets/legal.h"

#include <fmt/format.h>

#include "ir/kernel/kernel_shape.h"

namespace tern::targets {
namespace {

using Reasons = std::vector<std::string>;

// Bits of the widest vector that a kernel's instructions must take whole, by strategy.
class VectorBits {
 public:
  explicit VectorBits(const ir::Kernel& kernel) : lanes_(weight_vector(kernel).lanes) {}

  int operator()(const ir::DotCompute&) const { return lanes_ * 32; }
  int operator()(const ir::LookupCompute& lookup) const { return lanes_ * (lookup.by_dot4 ? 32 : 8); }
  int operator()(const ir::TileCompute&) const { return lanes_ * 32; }
  int operator()(const ir::AddsubCompute& addsub) const {
    return lanes_ * (addsub.widen_every_k != 0 ? 16 : 32);
  }
  int operator()(const ir::MaddCompute&) const { return lanes_ * 32; }

 private:
  int lanes_;
};

// Accumulators, the rows of activations and the vectors of outputs of a tile.
int64_t tile_registers(const ir::Kernel& kernel) {
  int64_t rows = 1, outputs = 1;
  bool inside_k = false;
  for (const ir::LoopExtent& extent : loop_extents(kernel)) {
    if (inside_k && extent.axis == ir::Axis::m) rows *= extent.trips;
    if (inside_k && extent.axis == ir::Axis::n) outputs *= extent.trips;
    inside_k |= extent.axis == ir::Axis::k;
  }
  return rows * outputs + rows + outputs;
}

// What strategy tile's instruction needs, on any CPU.
void check_instruction(const ir::Kernel& kernel, const FeatureSet& features, Reasons& reasons) {
  const ir::TileCompute* tile = std::get_if<ir::TileCompute>(&kernel.compute);
  if (!tile) return;
  const ir::TileInstructionInfo& instruction = info(tile->instruction);
  if (!instruction.feature.empty()) {
    const std::optional<Feature> feature = find_feature(instruction.feature);
    if (!feature || !features.contains(*feature))
      reasons.push_back(fmt::format("{} needs {}", instruction.name, instruction.feature));
  }
  if (instruction.tile_registers != 0 && tile_registers(kernel) > instruction.tile_registers)
    reasons.push_back(fmt::format("the tile takes {} of {} tile registers", tile_registers(kernel),
                                  instruction.tile_registers));
}

// Says what x86 lacks for a kernel.
class CheckX86 {
 public:
  CheckX86(const FeatureSet& features, int bits, Reasons& reasons)
      : features_(features), bits_(bits), reasons_(reasons) {}

  void check(const ir::Compute& compute) {
    if (std::holds_alternative<ir::MaddCompute>(compute)) return;  // vectors of any width, in pieces
    if (bits_ != 128 && bits_ != 256 && bits_ != 512)
      return reasons_.push_back(fmt::format("x86 has no vectors of {} bits", bits_));
    if (const ir::Unpacking* unpacking = unpacking_of(compute);
        unpacking && unpacking->unpack == ir::Unpack::table)
      check_bytes("looking codes up");
    std::visit(*this, compute);
  }

  void operator()(const ir::DotCompute& dot) { check_dot(dot.unpacking, dot.widen_every_k); }
  void operator()(const ir::LookupCompute& lookup) {
    check_bytes("looking sums up");
    if (lookup.by_dot4) needs(has_dot4(), "adding four bytes to a sum", "avx512vnni or avxvnni");
  }
  void operator()(const ir::TileCompute& tile) {
    if (tile.instruction == ir::TileInstruction::dot4) check_dot(tile.unpacking, tile.widen_every_k);
  }
  void operator()(const ir::AddsubCompute&) {
    needs(features_.contains(Feature::avx512bw) && (bits_ == 512 || features_.contains(Feature::avx512vl)),
          "addsub", bits_ == 512 ? "avx512bw" : "avx512bw and avx512vl");
  }
  void operator()(const ir::MaddCompute&) {}  // plain arithmetic, which every CPU has

 private:
  void needs(bool has, std::string_view what, std::string_view feature) {
    if (!has) reasons_.push_back(fmt::format("{} on {} bits needs {}", what, bits_, feature));
  }

  bool has_dot4() const {
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

  void check_dot(const ir::Unpacking& unpacking, int64_t widen_every_k) {
    if (unpacking.zero_point == 0) {
      if (bits_ == 512)
        reasons_.push_back("x86 multiplies signed by signed bytes on 128 and 256 bits only");
      else
        needs(features_.contains(Feature::avxvnniint8), "dot of signed weights", "avxvnniint8");
      return;
    }
    // On 128 bits plain arithmetic does where ssse3 is missing.
    if (widen_every_k != 0 || !has_dot4()) check_bytes("dot");
  }

  const FeatureSet& features_;
  const int bits_;
  Reasons& reasons_;
};

// The same of AArch64, which has NEON's vectors and SVE's; plain arithmetic does where an instruction is
// missing.
void check_arm(const ir::Compute& compute, int bits, const Target& target, Reasons& reasons) {
  if (std::holds_alternative<ir::MaddCompute>(compute)) return;
  if (bits != 64 && bits != 128 && bits != target.vector_bits)
    reasons.push_back(fmt::format("{} has no vectors of {} bits", target.name, bits));
  if (std::holds_alternative<ir::AddsubCompute>(compute) && !target.features.contains(Feature::sve))
    reasons.push_back("masks need sve");
}

}  // namespace

std::vector<std::string> legality_errors(const ir::Kernel& kernel, const Target& target) {
  Reasons reasons;
  const int bits = std::visit(VectorBits(kernel), kernel.compute);
  // A target that is no CPU in particular runs vectors of any width, in pieces.
  if (target.architecture == Architecture::any) return reasons;
  if (bits > target.vector_bits)
    reasons.push_back(
        fmt::format("vectors of {} bits are wider than the target's {}", bits, target.vector_bits));
  switch (target.architecture) {
    case Architecture::x86_64: CheckX86(target.features, bits, reasons).check(kernel.compute); break;
    case Architecture::aarch64: check_arm(kernel.compute, bits, target, reasons); break;
    case Architecture::riscv64:  // plain vector code
    case Architecture::any: break;
  }
  check_instruction(kernel, target.features, reasons);
  return reasons;
}

}  // namespace tern::targets

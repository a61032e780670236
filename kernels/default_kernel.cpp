#include "kernels/default_kernel.h"

#include "ir/kernel/kernel_shape.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/strategy_recipes.h"
#include "kernels/tiling.h"

namespace tern::kernels {
namespace {

// A code of five bits is unpacked by one permute a trit, as quickly as memory delivers it.
bool unpacks_triples_quickly(const targets::Target& target) {
  using targets::Feature;
  return target.vector_bits == 512 && target.features.contains({Feature::avx512vbmi, Feature::avx512vnni});
}

// For one row, which is bound by unpacking. Several rows share what is unpacked, and lose more by having
// fewer registers for their sums.
int fields_per_shift(const targets::Target& target) {
  // ARM: one shift for four fields, and the highest field needs no mask.
  if (target.features.contains(targets::Feature::dotprod)) return 3;
  // x86 where sums wait in 16 bits, which hold the sums of two fields and no more.
  const bool x86 = target.architecture == targets::Architecture::x86_64;
  return x86 && !has_dot4(target, target.vector_bits) ? 2 : 1;
}

// Rows from which multiplying tiles is faster. Measured on an Intel Xeon with AMX (480 MiB of level 3 cache),
// outputs and inputs 2560 x 6912, one thread, weights from memory: time over that of dot 1.5 with 8 rows, 0.8
// with 16, 0.5 with 32, 0.3 with 256, of b2 and of g3b5.
constexpr int64_t min_tile_rows = 16;

// Inputs up to which its default kernel fits a stack: the panel has 32 outputs, a byte for each input, and
// verify(program) allows 1 MiB of scratch in all.
constexpr int64_t max_tile_inputs = 32000;

// The instruction of tile registers whose inputs divide those of an exact sum, the longest; nothing where
// strategy tile with one is not the default.
std::optional<ir::TileInstruction> tile_instruction(const ir::Problem& problem,
                                                    const targets::Target& target) {
  if (problem.m < min_tile_rows || problem.k > max_tile_inputs || !fits_tile_registers(problem) ||
      ir::code_zero_point(problem.w.element) != 1 || !target.features.contains(targets::Feature::amx_int8))
    return std::nullopt;
  using enum ir::TileInstruction;
  for (const ir::TileInstruction instruction : {mma_16x64x16, mma_16x32x16}) {
    if (!problem.is_grouped() || problem.sum_group() % info(instruction).inputs == 0) return instruction;
  }
  return std::nullopt;
}

}  // namespace

Recipe default_recipe(const ir::Problem& problem, const targets::Target& target) {
  if (!problem.is_quantized()) return {default_packing(problem), ir::MaddCompute{}};
  // Groups of inputs are not whole vectors of triples.
  const bool triples =
      unpacks_triples_quickly(target) && problem.w.element == ir::Element::trit && !problem.is_grouped();
  const ir::Packing packing = triples ? ir::Packing::g3b5 : default_packing(problem);
  const ir::Unpack unpack = plain_unpack(packing);
  if (const std::optional<ir::TileInstruction> instruction = tile_instruction(problem, target))
    return tile_recipe(packing, *instruction, problem.w.element, unpack);
  ir::DotCompute dot;
  // ARM multiplies signed bytes as well as others; its instruction for unsigned ones is not on every CPU.
  const bool is_signed =
      target.architecture == targets::Architecture::aarch64 && problem.w.element == ir::Element::i8;
  dot.unpacking = {is_signed ? 0 : ir::code_zero_point(problem.w.element), unpack};
  if (problem.m == 1 && packing == ir::Packing::b2) dot.fields_per_shift = fields_per_shift(target);
  return {packing, dot};
}

ir::Packing default_packing(const ir::Problem& problem) {
  switch (problem.w.element) {
    case ir::Element::trit:
    case ir::Element::i2: return ir::Packing::b2;
    case ir::Element::sign: return ir::Packing::b1;
    case ir::Element::i4: return ir::Packing::i4;
    case ir::Element::i8: return ir::Packing::i8;
    case ir::Element::f16: return ir::Packing::f16;
    case ir::Element::bf16: return ir::Packing::bf16;
    case ir::Element::f32:
    case ir::Element::u8:
    case ir::Element::i16:
    case ir::Element::i32: break;
  }
  return ir::Packing::f32;
}

ir::Kernel default_kernel(const ir::Problem& problem, const targets::Target& target) {
  ir::Kernel kernel = make_kernel(default_recipe(problem, target), problem, target);
  kernel.name = std::string(problem.is_quantized() ? "ternary" : "dense") + "_m" + std::to_string(problem.m) +
                "_n" + std::to_string(problem.n) + "_k" + std::to_string(problem.k);
  return kernel;
}

}  // namespace tern::kernels

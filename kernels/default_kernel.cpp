#include "kernels/default_kernel.h"

#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/tiling.h"

namespace tern::kernels {
namespace {

// A code of five bits is unpacked by one permute a trit, as quickly as memory delivers it.
bool unpacks_triples_quickly(const targets::Target& target) {
  using targets::Feature;
  return target.vector_bits == 512 && target.features.contains({Feature::avx512vbmi, Feature::avx512vnni});
}

}  // namespace

Recipe default_recipe(const ir::Problem& problem, const targets::Target& target) {
  Recipe recipe{default_packing(problem)};
  if (!problem.is_quantized()) {
    recipe.strategy = ir::Strategy::madd;
    recipe.offset = 0;
    return recipe;
  }
  // Groups of inputs are not whole vectors of triples.
  if (unpacks_triples_quickly(target) && problem.w.element == ir::Element::trit && !problem.is_grouped())
    recipe = {ir::Packing::g3b5, ir::Strategy::dot, ir::Unpack::table};
  // Where sums wait in 16 bits, one row is bound by unpacking: masks in place save shifts. Several rows share
  // what is unpacked, and lose more by having fewer registers for their sums.
  const bool x86 = target.architecture == targets::Architecture::x86_64;
  if (x86 && !has_quad_dot(target, target.vector_bits) && recipe.packing == ir::Packing::b2 && problem.m == 1)
    recipe.in_place = 2;
  // ARM's digits: one shift, of the one that needs no mask. Rows that share unpacked weights have better uses
  // for registers.
  if (problem.m == 1 && recipe.packing == ir::Packing::b2 &&
      target.features.contains(targets::Feature::dotprod))
    recipe.in_place = 3;
  // AMX's matrices are no default before a machine that has them has run and measured them.
  return recipe;
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

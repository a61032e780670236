#include "autotune/default_kernel.h"

#include <algorithm>

namespace tern::autotune {
namespace {

using ir::Axis;
using ir::Factor;
using ir::LoopKind;
using targets::Feature;

// The sizes that a target's registers suggest.
struct Tiling {
  int64_t lanes;             // outputs a vector
  int64_t block_vectors;     // vectors of outputs that lie together in memory
  int64_t row_tile;          // rows of A that share unpacked weights, when there are many rows
  int64_t row_vectors;       // vectors of outputs in that tile
  bool unrolls_rows = true;  // whether that tile's steps of k are laid out, a block at a time
};

bool has_quad_dot(const targets::FeatureSet& features, int64_t bits) {
  if (bits == 512) return features.contains(Feature::avx512vnni);
  return features.contains(Feature::avxvnni) || features.contains({Feature::avx512vnni, Feature::avx512vl});
}

// Tiles compared by their spills and by instructions a weight. Loads of SVE's vectors take no large offsets,
// so each one of a block keeps a register busy; and its sdot takes a lane from eight registers only, which
// steps of several rows laid out one after the other would crowd.
Tiling arm_tiling(int64_t lanes) {
  return lanes > 4 ? Tiling{lanes, 4, 8, 2, false} : Tiling{lanes, 8, 8, 2};
}

// Where NEON has no dot products of bytes: each sum has two registers of products that wait in 16 bits.
bool lacks_quad_dot(const targets::Target& target, int64_t lanes) {
  return target.architecture == targets::Architecture::aarch64 && lanes == 4 &&
         !target.features.contains(Feature::dotprod);
}

Tiling waiting_tiling(int64_t lanes) {
  return {lanes, 4, 3, 2};
}

Tiling tiling_of(const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  const int64_t lanes = std::max<int64_t>(target.vector_bits / 32, 4);
  if (target.architecture == targets::Architecture::aarch64) return arm_tiling(lanes);
  return {lanes, many_registers ? 8 : 4, many_registers ? 10 : 4, 2};
}

// Where sums are widened, each has a second register of 16-bit sums. (Tiles compared by llvm-mca's models of
// Haswell, Zen 3 and Skylake-SP.)
Tiling widening_tiling(Tiling tiling, const targets::Target& target) {
  const bool many_registers = target.vector_registers >= 32;
  tiling.block_vectors = 4;
  tiling.row_tile = many_registers ? 5 : 6;
  tiling.row_vectors = many_registers ? 2 : 1;
  return tiling;
}

// The smallest power of two of vectors, up to `most`, that holds n outputs.
int64_t block_vectors(int64_t n, int64_t lanes, int64_t most) {
  int64_t vectors = 1;
  while (vectors < most && vectors * lanes < n) vectors *= 2;
  return vectors;
}

void append(std::vector<Factor>& factors, Axis axis, int64_t modulus, int64_t divisor) {
  if (modulus != divisor) factors.push_back({axis, modulus, divisor});
}

// Blocks of `block` outputs; within one, steps of k; within a step, the block's vectors side by side.
std::vector<Factor> blocked_factors(int64_t block, int64_t lanes, int64_t k_block, int64_t k_leaf) {
  std::vector<Factor> factors = {{Axis::n, 0, block}, {Axis::k, 0, k_block}};
  append(factors, Axis::k, k_block, k_leaf);
  append(factors, Axis::n, block, lanes);
  factors.push_back({Axis::n, lanes, 1});
  return factors;
}

void add_loops(ir::Schedule& schedule, const ir::Problem& problem, const Tiling& tiling, int64_t block,
               const std::vector<int64_t>& k_blocks, int64_t k_leaf) {
  const auto add = [&](LoopKind kind, Axis axis, int64_t step) {
    schedule.loops.push_back({kind, axis, step});
  };
  add(LoopKind::parallel, Axis::n, block);
  if (problem.m > 1) {
    add(LoopKind::parallel, Axis::m, std::min(problem.m, tiling.row_tile));
    const int64_t tile_outputs = std::min(block, tiling.row_vectors * tiling.lanes);
    if (tile_outputs != block) add(LoopKind::sequential, Axis::n, tile_outputs);
  }
  for (int64_t k_block : k_blocks) add(LoopKind::sequential, Axis::k, k_block);
  const bool unrolls = problem.m == 1 || tiling.unrolls_rows;
  add(unrolls ? LoopKind::unroll : LoopKind::sequential, Axis::k, k_leaf);
  if (problem.m > 1) add(LoopKind::unroll, Axis::m, 1);
  add(LoopKind::unroll, Axis::n, tiling.lanes);
  add(LoopKind::vector, Axis::n, tiling.lanes);
}

ir::Kernel ternary_kernel(const ir::Problem& problem, const targets::Target& target) {
  Tiling tiling = tiling_of(target);
  const bool x86 = target.architecture == targets::Architecture::x86_64;
  const bool quad = !x86 || has_quad_dot(target.features, tiling.lanes * 32);
  if (!quad) tiling = widening_tiling(tiling, target);
  if (lacks_quad_dot(target, tiling.lanes)) tiling = waiting_tiling(tiling.lanes);
  ir::Kernel kernel{"", problem, {}, {}, {}, {}};
  kernel.weights.packing = ir::Packing::b2;
  constexpr int64_t leaf = 16;
  // Sums of 128 inputs fit 16 bits with the largest codes of two bits: 32 * 2 * 3 * 128 < 32768.
  const int64_t k_block = std::min<int64_t>(ir::round_up(problem.k, leaf), quad ? 64 : 128);
  if (!quad) kernel.compute.widen_every_k = k_block;
  const int64_t block = tiling.lanes * block_vectors(problem.n, tiling.lanes, tiling.block_vectors);
  kernel.weights.factors = blocked_factors(block, tiling.lanes, k_block, leaf);
  kernel.weights.factors.push_back({Axis::k, 4, 1});
  kernel.weights.factors.push_back({Axis::k, leaf, 4});
  add_loops(kernel.schedule, problem, tiling, block, {k_block}, leaf);
  kernel.schedule.prefetch_bytes = problem.m == 1 ? 4096 : 0;
  return kernel;
}

ir::Kernel dense_kernel(const ir::Problem& problem, const targets::Target& target) {
  const Tiling tiling = tiling_of(target);
  ir::Kernel kernel{"", problem, {}, {}, {}, {ir::Strategy::madd, 0, 0}};
  kernel.weights.packing = default_packing(problem);
  const int64_t block = tiling.lanes * block_vectors(problem.n, tiling.lanes, tiling.block_vectors);
  const bool grouped = problem.scaling == ir::Scaling::group;
  const int64_t k_block = grouped ? problem.scale_group : std::min<int64_t>(problem.k, 8);
  kernel.weights.factors = blocked_factors(block, tiling.lanes, k_block, 1);
  if (grouped) {
    kernel.scales = ir::Layout{ir::Packing::f32, {{Axis::n, 0, block}, {Axis::k, 0, 1}}, 64};
    append(kernel.scales->factors, Axis::n, block, tiling.lanes);
    kernel.scales->factors.push_back({Axis::n, tiling.lanes, 1});
  }
  std::vector<int64_t> k_blocks = {k_block};
  if (k_block > 8 && k_block % 8 == 0) k_blocks.push_back(8);
  add_loops(kernel.schedule, problem, tiling, block, k_blocks, 1);
  kernel.schedule.prefetch_bytes = problem.m == 1 ? 4096 : 0;
  return kernel;
}

}  // namespace

ir::Packing default_packing(const ir::Problem& problem) {
  switch (problem.weight) {
    case ir::Element::trit: return ir::Packing::b2;
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
  ir::Kernel kernel = problem.is_ternary() ? ternary_kernel(problem, target) : dense_kernel(problem, target);
  kernel.name = std::string(problem.is_ternary() ? "ternary" : "dense") + "_m" + std::to_string(problem.m) +
                "_n" + std::to_string(problem.n) + "_k" + std::to_string(problem.k);
  return kernel;
}

}  // namespace tern::autotune

// From a recipe and its knobs to a kernel: the layout and the loops.
#include <fmt/format.h>

#include <algorithm>

#include "ir/kernel/kernel_shape.h"
#include "kernels/knobs.h"

namespace tern::kernels {
namespace {

using ir::Axis;
using ir::Factor;
using ir::LoopKind;
using ir::Strategy;
using ir::TileUnit;

ir::Kernel without_loops(const Recipe& recipe, const ir::Problem& problem) {
  ir::Kernel kernel{"", problem, {}, {}, {}, {}};
  kernel.weights.packing = recipe.packing;
  kernel.compute = {recipe.strategy, recipe.offset, 0, recipe.unpack, recipe.in_place, recipe.quads};
  return kernel;
}

// The innermost tile depends on the lanes alone.
ir::Leaf leaf_of(ir::Kernel kernel, int64_t lanes) {
  kernel.schedule.loops = {{LoopKind::vector, Axis::n, lanes}};
  return ir::leaf_of(kernel);
}

// The smallest power of two of vectors, up to `most`, that holds n outputs.
int64_t block_vectors(int64_t n, int64_t lanes, int64_t most) {
  int64_t vectors = 1;
  while (vectors < most && vectors * lanes < n) vectors *= 2;
  return vectors;
}

// The largest multiple of `unit` that is at most `size` and divides `whole`; `unit`, which ir::verify
// refuses, if that does not divide it.
int64_t divisor_below(int64_t size, int64_t whole, int64_t unit) {
  if (whole % unit != 0) return unit;
  int64_t divisor = std::min(ir::round_up(size, unit), whole);
  while (whole % divisor != 0) divisor -= unit;
  return divisor;
}

// Knobs that fit the problem, each a divisor of the size that it divides. `leaf` and `step`: the inputs of a
// vector of weights and of one step.
Knobs fit(Knobs knobs, const ir::Problem& problem, int64_t leaf, int64_t step) {
  knobs.block_vectors = block_vectors(problem.n, knobs.lanes, knobs.block_vectors);
  knobs.tile_vectors = knobs.tile_vectors == 0 ? knobs.block_vectors
                                               : divisor_below(knobs.tile_vectors, knobs.block_vectors, 1);
  const int64_t all_inputs = ir::round_up(problem.k, leaf);
  // Inputs that share a scale stay together. (A group of nothing is for ir::verify to refuse.)
  const int64_t group = std::max<int64_t>(problem.sum_group(), 0);
  knobs.block_inputs = group > 0 ? group : std::min(all_inputs, ir::round_up(knobs.block_inputs, leaf));
  if (knobs.panel_rows > 0) {  // its loops over k walk a panel instead
    if (group > 0) knobs.unrolled_inputs = divisor_below(knobs.unrolled_inputs, group, step);
    if (group > 0 && knobs.widen_every > 0) knobs.widen_every = knobs.unrolled_inputs;
    return knobs;
  }
  if (knobs.widen_every > 0) knobs.widen_every = divisor_below(knobs.widen_every, knobs.block_inputs, leaf);
  const int64_t around = knobs.widen_every > 0 ? knobs.widen_every : knobs.block_inputs;
  knobs.unrolled_inputs = divisor_below(knobs.unrolled_inputs, around, leaf);
  return knobs;
}

void append(std::vector<Factor>& factors, Axis axis, int64_t modulus, int64_t divisor) {
  if (modulus != divisor) factors.push_back({axis, modulus, divisor});
}

// Blocks of outputs; within one, the inputs that the innermost tile takes; within these, the outputs' vectors
// side by side. A loop over blocks of inputs walks them as they lie: the layout knows of it only where the
// last block is padded.
void set_layouts(ir::Kernel& kernel, const Knobs& knobs, const ir::Leaf& leaf) {
  const int64_t block = knobs.lanes * knobs.block_vectors, k = kernel.problem.k;
  const int64_t outer = std::max(knobs.block_inputs, kernel.problem.outer_group());
  const bool padded = ir::round_up(k, outer) != ir::round_up(k, leaf.k) && outer % leaf.k == 0;
  const int64_t inputs = padded ? outer : leaf.k;
  std::vector<Factor>& factors = kernel.weights.factors;
  factors = {{Axis::n, 0, block}, {Axis::k, 0, inputs}};
  append(factors, Axis::k, inputs, leaf.k);
  append(factors, Axis::n, block, knobs.lanes);
  factors.insert(factors.end(), leaf.factors.begin(), leaf.factors.end());
  if (kernel.problem.w.scaling != ir::Scaling::group) return;
  const ir::Packing scale = kernel.problem.w.scale == ir::Element::f16 ? ir::Packing::f16 : ir::Packing::f32;
  // Loops run through whole groups of A, where those are larger.
  const int64_t group = kernel.problem.w.group,
                together = group > 0 ? kernel.problem.outer_group() / group : 1;
  kernel.scales = ir::Layout{scale, {{Axis::n, 0, block}, {Axis::k, 0, together}}, 64};
  append(kernel.scales->factors, Axis::k, together, 1);
  append(kernel.scales->factors, Axis::n, block, knobs.lanes);
  kernel.scales->factors.push_back({Axis::n, knobs.lanes, 1});
}

class Loops {
 public:
  Loops(ir::Kernel& kernel, const Knobs& knobs)
      : loops_(kernel.schedule.loops), problem_(kernel.problem), knobs_(knobs) {}

  // One row, or tiles of a few rows that share unpacked weights.
  void add_plain(int64_t leaf_inputs) {
    add_parallel(std::min(problem_.m, knobs_.tile_rows));
    add_part_of_block();
    add_groups();
    if (!problem_.is_grouped()) add(LoopKind::sequential, Axis::k, knobs_.block_inputs);
    if (knobs_.widen_every > 0) add(LoopKind::sequential, Axis::k, knobs_.widen_every);
    add(LoopKind::sequential, Axis::k, knobs_.unrolled_inputs);
    add(LoopKind::unroll, Axis::k, leaf_inputs);
    add_tile(1);
  }

  // Panels of outputs, unpacked once for up to `panel_rows` rows.
  void add_panels(const ir::TileShape& unit) {
    const int64_t rows = ir::round_up(std::min(problem_.m, knobs_.tile_rows), unit.rows);
    add_parallel(ir::round_up(std::min(problem_.m, knobs_.panel_rows), rows));
    add_part_of_block();
    loops_.push_back({LoopKind::sequential, Axis::m, rows});
    add_groups();
    add(LoopKind::sequential, Axis::k, knobs_.unrolled_inputs);
    loops_.push_back({LoopKind::unroll, Axis::k, unit.k});
    add_tile(unit.rows);
  }

 private:
  // But for a step that the loop before has.
  void add(LoopKind kind, Axis axis, int64_t step) {
    if (!loops_.empty() && loops_.back().axis == axis && loops_.back().step == step) return;
    loops_.push_back({kind, axis, step});
  }

  void add_parallel(int64_t rows) {
    const int64_t block = knobs_.lanes * knobs_.block_vectors;
    if (problem_.m > 1 && knobs_.rows_outside) loops_.push_back({LoopKind::parallel, Axis::m, rows});
    loops_.push_back({LoopKind::parallel, Axis::n, block});
    if ((problem_.m > 1 && !knobs_.rows_outside) || (problem_.m == 1 && knobs_.panel_rows > 0))
      loops_.push_back({LoopKind::parallel, Axis::m, rows});
  }

  void add_groups() {
    if (!problem_.is_grouped()) return;
    add(LoopKind::sequential, Axis::k, problem_.outer_group());
    add(LoopKind::sequential, Axis::k, problem_.sum_group());
  }

  void add_part_of_block() {
    if (knobs_.tile_vectors != knobs_.block_vectors)
      loops_.push_back({LoopKind::sequential, Axis::n, knobs_.tile_vectors * knobs_.lanes});
  }

  void add_tile(int64_t rows) {
    if (problem_.m > 1 || rows > 1) loops_.push_back({LoopKind::unroll, Axis::m, rows});
    loops_.push_back({LoopKind::unroll, Axis::n, knobs_.lanes});
    loops_.push_back({LoopKind::vector, Axis::n, knobs_.lanes});
  }

  std::vector<ir::ScheduledLoop>& loops_;
  const ir::Problem& problem_;
  const Knobs& knobs_;
};

ir::TileShape unit_of(TileUnit unit) {
  switch (unit) {
    case TileUnit::quads: return {unit, 1, 4, 0, 0};
    case TileUnit::pairs: return {unit, 2, 8, 0, 0};
    case TileUnit::matrices: return {unit, 16, 64, 0, 0};
  }
  return {};
}

}  // namespace

int64_t leaf_inputs(const Recipe& recipe, int64_t lanes) {
  return leaf_of(without_loops(recipe, {}), lanes).k;
}

int64_t step_inputs(const Recipe& recipe) {
  return recipe.strategy == Strategy::tile ? unit_of(recipe.unit).k : leaf_inputs(recipe, 16);
}

ir::Kernel make_kernel(const Recipe& recipe, const Knobs& knobs, const ir::Problem& problem) {
  ir::Kernel kernel = without_loops(recipe, problem);
  const ir::Leaf leaf = leaf_of(kernel, knobs.lanes);
  const Knobs fitting = fit(knobs, problem, leaf.k, step_inputs(recipe));
  set_layouts(kernel, fitting, leaf);
  kernel.compute.widen_every_k = fitting.widen_every;
  Loops loops(kernel, fitting);
  if (recipe.strategy == Strategy::tile)
    loops.add_panels(unit_of(recipe.unit));
  else
    loops.add_plain(leaf.k);
  kernel.schedule.prefetch_bytes = fitting.prefetch_bytes;
  kernel.name = fmt::format("{}_m{}_n{}_k{}", ir::name(recipe.strategy), problem.m, problem.n, problem.k);
  return kernel;
}

}  // namespace tern::kernels

// From a recipe and its knobs to a kernel: the layout and the loops.
#include <fmt/format.h>

#include <algorithm>

#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/strategies/strategy_info.h"
#include "kernels/knobs.h"

namespace tern::kernels {
namespace {

using ir::Axis;
using ir::Factor;
using ir::LoopKind;

ir::Kernel without_loops(const Recipe& recipe, const ir::Problem& problem) {
  ir::Kernel kernel{"", problem, {}, {}, {}, {}};
  kernel.weights.packing = recipe.packing;
  kernel.compute = recipe.compute;
  return kernel;
}

// The smallest power of two of vectors, up to `max`, that holds n outputs.
int64_t block_vectors(int64_t n, int64_t lanes, int64_t max) {
  int64_t vectors = 1;
  while (vectors < max && vectors * lanes < n) vectors *= 2;
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

// Knobs that fit the problem, each a divisor of the size that it divides. `vector` and `step`: the inputs of
// a vector of weights and of one step.
Knobs fit(Knobs knobs, const ir::Problem& problem, int64_t vector, int64_t step) {
  knobs.block_vectors = block_vectors(problem.n, knobs.lanes, knobs.block_vectors);
  knobs.tile_vectors = knobs.tile_vectors == 0 ? knobs.block_vectors
                                               : divisor_below(knobs.tile_vectors, knobs.block_vectors, 1);
  const int64_t all_inputs = ir::round_up(problem.k, vector);
  // Inputs that share a scale stay together. (A group of nothing is for ir::verify to refuse.)
  const int64_t group = std::max<int64_t>(problem.sum_group(), 0);
  knobs.block_inputs = group > 0 ? group : std::min(all_inputs, ir::round_up(knobs.block_inputs, vector));
  if (knobs.panel_rows > 0) {  // its loops over k walk a panel instead
    if (group > 0) knobs.unrolled_inputs = divisor_below(knobs.unrolled_inputs, group, step);
    if (group > 0 && knobs.widen_every > 0) knobs.widen_every = knobs.unrolled_inputs;
    return knobs;
  }
  if (knobs.widen_every > 0) knobs.widen_every = divisor_below(knobs.widen_every, knobs.block_inputs, vector);
  const int64_t around = knobs.widen_every > 0 ? knobs.widen_every : knobs.block_inputs;
  knobs.unrolled_inputs = divisor_below(knobs.unrolled_inputs, around, vector);
  return knobs;
}

void append(std::vector<Factor>& factors, Axis axis, int64_t modulus, int64_t divisor) {
  if (modulus != divisor) factors.push_back({axis, modulus, divisor});
}

// Blocks of outputs; within one, the inputs that the innermost tile takes; within these, the outputs' vectors
// side by side. A loop over blocks of inputs walks them as they lie: the layout knows of it only where the
// last block is padded.
void set_layouts(ir::Kernel& kernel, const Knobs& knobs, const ir::WeightVector& vector) {
  const int64_t block = knobs.lanes * knobs.block_vectors, k = kernel.problem.k;
  const int64_t outer = std::max(knobs.block_inputs, kernel.problem.outer_group());
  const bool padded = ir::round_up(k, outer) != ir::round_up(k, vector.k) && outer % vector.k == 0;
  const int64_t inputs = padded ? outer : vector.k;
  std::vector<Factor>& factors = kernel.weights.factors;
  factors = {{Axis::n, 0, block}, {Axis::k, 0, inputs}};
  append(factors, Axis::k, inputs, vector.k);
  append(factors, Axis::n, block, knobs.lanes);
  factors.insert(factors.end(), vector.factors.begin(), vector.factors.end());
  if (kernel.problem.w.scaling != ir::Scaling::group) return;
  const ir::Packing scale = kernel.problem.w.scale == ir::Element::f16 ? ir::Packing::f16 : ir::Packing::f32;
  // Loops run through whole groups of A, where these are larger than W's.
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
  void add_plain(int64_t step) {
    add_parallel(std::min(problem_.m, knobs_.tile_rows));
    add_part_of_block();
    add_groups();
    if (!problem_.is_grouped()) add(LoopKind::sequential, Axis::k, knobs_.block_inputs);
    if (knobs_.widen_every > 0) add(LoopKind::sequential, Axis::k, knobs_.widen_every);
    add(LoopKind::sequential, Axis::k, knobs_.unrolled_inputs);
    add(LoopKind::unroll, Axis::k, step);
    add_tile(1);
  }

  // Panels of outputs, unpacked once for up to `panel_rows` rows.
  void add_panels(const ir::InnermostTile& tile) {
    const int64_t rows = ir::round_up(std::min(problem_.m, knobs_.tile_rows), tile.rows);
    add_parallel(ir::round_up(std::min(problem_.m, knobs_.panel_rows), rows));
    add_part_of_block();
    loops_.push_back({LoopKind::sequential, Axis::m, rows});
    // Sums in tile registers that end every few inputs are short of work between them: these are laid out.
    add_groups(tile.k > ir::info(ir::TileInstruction::mma_2x8x2).inputs ? LoopKind::unroll
                                                                        : LoopKind::sequential);
    add(LoopKind::sequential, Axis::k, knobs_.unrolled_inputs);
    loops_.push_back({LoopKind::unroll, Axis::k, tile.k});
    add_tile(tile.rows);
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

  // Adds a loop over the larger groups of inputs that share a scale, and one of kind `within` over the
  // smaller groups in each of these. Without scales per group it adds none.
  void add_groups(LoopKind within = LoopKind::sequential) {
    if (!problem_.is_grouped()) return;
    add(LoopKind::sequential, Axis::k, problem_.outer_group());
    add(within, Axis::k, problem_.sum_group());
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

}  // namespace

int64_t vector_inputs(const Recipe& recipe) {
  return weight_vector(without_loops(recipe, {}), 16).k;
}

int64_t step_inputs(const Recipe& recipe) {
  return innermost_tile(without_loops(recipe, {})).k;
}

ir::Kernel make_kernel(const Recipe& recipe, const Knobs& knobs, const ir::Problem& problem) {
  ir::Kernel kernel = without_loops(recipe, problem);
  const ir::WeightVector vector = weight_vector(kernel, knobs.lanes);
  const ir::InnermostTile tile = innermost_tile(kernel);
  const Knobs fitting = fit(knobs, problem, vector.k, tile.k);
  set_layouts(kernel, fitting, vector);
  set_widen_every_k(kernel.compute, fitting.widen_every);
  Loops loops(kernel, fitting);
  if (info(recipe.strategy()).walks_panel)
    loops.add_panels(tile);
  else
    loops.add_plain(tile.k);
  kernel.schedule.prefetch_bytes = fitting.prefetch_bytes;
  kernel.name = fmt::format("{}_m{}_n{}_k{}", ir::name(recipe.strategy()), problem.m, problem.n, problem.k);
  return kernel;
}

}  // namespace tern::kernels

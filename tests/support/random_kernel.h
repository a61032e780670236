// Kernels drawn at random from all that verify accepts, for differential tests: other lanes, interleaving,
// blocks, orders of loops and offsets than any default would pick.
#pragma once

#include <algorithm>
#include <vector>

#include "codegen/lower.h"
#include "ir/kernel.h"
#include "ir/kernel_shape.h"
#include "ir/verify.h"
#include "targets/legal.h"
#include "tests/support/random.h"

namespace tern::testing {

// Draws one kernel after the other; most are right, the rest is for verify to refuse.
class KernelMaker {
 public:
  KernelMaker(Random& random, const targets::Target& target) : random_(random), target_(target) {}

  ir::Kernel make() {
    kernel_ = {};
    kernel_.name = "random";
    draw_problem();
    draw_lanes();
    draw_layout();
    draw_loops();
    if (random_.coin()) kernel_.schedule.prefetch_bytes = random_.choose(std::vector<int64_t>{64, 4096});
    if (kernel_.problem.is_ternary()) draw_compute();
    return kernel_;
  }

 private:
  int64_t up_to(int64_t most) { return random_.pick(1, most); }

  void draw_problem() {
    using ir::Element;
    ir::Problem& problem = kernel_.problem;
    problem = {random_.coin() ? 1 : up_to(5), up_to(90), up_to(150), Element::trit, ir::Scaling::tensor, 0};
    if (random_.pick(0, 2) != 0) return;
    problem.weight = random_.choose(std::vector{Element::i8, Element::f16, Element::bf16, Element::f32});
    problem.scaling = problem.weight == Element::i8 ? ir::Scaling::group : ir::Scaling::none;
    if (problem.weight == Element::i8)
      problem.scale_group = random_.choose(std::vector<int64_t>{1, 3, 8, 20, 32});
    kernel_.compute = {ir::Strategy::madd, 0, 0};
  }

  void draw_lanes() {
    std::vector<int64_t> choices = {4, 8, 16};
    if (!kernel_.problem.is_ternary() || target_.architecture == targets::Architecture::any)
      choices = {2, 3, 4, 5, 7, 8, 12, 16, 24, 32};
    lanes_ = random_.choose(choices);
  }

  // Blocks of outputs and of inputs; within the innermost, what a vector holds.
  void draw_layout() {
    using ir::Axis;
    if (kernel_.problem.is_ternary())
      kernel_.weights.packing =
          random_.choose(std::vector{ir::Packing::b2, ir::Packing::b2_high_first, ir::Packing::i8});
    else
      kernel_.weights.packing = *ir::packing_named(name(kernel_.problem.weight));
    leaf_k_ = !kernel_.problem.is_ternary() ? 1 : 4 * row(kernel_.weights.packing).weights_per_group;
    n_block_ = lanes_ * up_to(4);
    k_block_ = leaf_k_ * up_to(6);
    if (kernel_.problem.scale_group > 0) k_block_ = kernel_.problem.scale_group;
    std::vector<ir::Factor> outer = {{Axis::n, 0, n_block_}, {Axis::k, 0, k_block_}};
    if (n_block_ != lanes_) outer.push_back({Axis::n, n_block_, lanes_});
    if (k_block_ != leaf_k_) outer.push_back({Axis::k, k_block_, leaf_k_});
    std::shuffle(outer.begin(), outer.end(), random_.engine());
    kernel_.weights.factors = outer;
    kernel_.weights.factors.push_back({Axis::n, lanes_, 1});
    if (kernel_.problem.is_ternary()) kernel_.weights.factors.push_back({Axis::k, 4, 1});
    if (leaf_k_ > 4) kernel_.weights.factors.push_back({Axis::k, leaf_k_, 4});
    if (kernel_.problem.scaling != ir::Scaling::group) return;
    kernel_.scales = ir::Layout{ir::Packing::f32, {{Axis::n, 0, lanes_}, {Axis::k, 0, 1}}, 64};
    std::shuffle(kernel_.scales->factors.begin(), kernel_.scales->factors.end(), random_.engine());
    kernel_.scales->factors.push_back({Axis::n, lanes_, 1});
  }

  void add(ir::LoopKind kind, ir::Axis axis, int64_t step) {
    kernel_.schedule.loops.push_back({kind, axis, step});
  }

  void draw_loops() {
    using ir::Axis;
    using ir::LoopKind;
    const int64_t m = kernel_.problem.m;
    const auto outer = [&] { return random_.pick(0, 3) == 0 ? LoopKind::unroll : LoopKind::sequential; };
    const int64_t row_tile = up_to(std::min<int64_t>(m + 1, 4));
    const int64_t tile_vectors = random_.choose(std::vector<int64_t>{1, 2, n_block_ / lanes_});
    if (random_.coin()) add(LoopKind::parallel, Axis::n, n_block_);
    if (random_.coin()) add(LoopKind::parallel, Axis::m, row_tile);
    if (random_.coin()) add(outer(), Axis::n, n_block_);
    if (random_.coin()) add(outer(), Axis::m, row_tile);
    if (random_.coin()) add(outer(), Axis::n, tile_vectors * lanes_);

    if (random_.pick(0, 3) != 0 || kernel_.problem.scale_group > 0)
      add(LoopKind::sequential, Axis::k, k_block_);
    if (random_.pick(0, 4) == 0) add(outer(), Axis::k, leaf_k_ * 2);
    add(random_.coin() ? LoopKind::unroll : LoopKind::sequential, Axis::k, leaf_k_);
    if (random_.pick(0, 4) == 0)
      add(random_.coin() ? LoopKind::unroll : LoopKind::sequential, Axis::k, leaf_k_);

    const bool rows_first = random_.coin();
    if (rows_first) add(LoopKind::unroll, Axis::m, 1);
    if (random_.pick(0, 4) == 0) add(LoopKind::unroll, Axis::n, 2 * lanes_);
    if (random_.pick(0, 4) != 0) add(LoopKind::unroll, Axis::n, lanes_);
    if (!rows_first && (m > 1 || random_.coin())) add(LoopKind::unroll, Axis::m, 1);
    add(LoopKind::vector, Axis::n, lanes_);
  }

  void draw_compute() {
    kernel_.compute.offset = random_.pick(0, 3) == 0 ? 0 : 1;
    if (kernel_.compute.offset == 1 && random_.coin())
      kernel_.compute.widen_every_k = random_.choose(std::vector<int64_t>{leaf_k_, 2 * leaf_k_, k_block_});
  }

  Random& random_;
  const targets::Target& target_;
  ir::Kernel kernel_;
  int64_t lanes_ = 0, leaf_k_ = 0, n_block_ = 0, k_block_ = 0;
};

// A kernel that is right, legal on the target and whose sums are proved to fit.
inline ir::Kernel random_kernel(Random& random, const targets::Target& target) {
  KernelMaker maker(random, target);
  for (;;) {
    const ir::Kernel kernel = maker.make();
    if (ir::verify(kernel).empty() && targets::illegal(kernel, target).empty() &&
        ir::verify(codegen::lower(kernel)).empty())
      return kernel;
  }
}

}  // namespace tern::testing

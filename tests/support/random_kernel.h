// Kernels drawn at random from all that verify accepts, for differential tests: other lanes, interleaving,
// blocks, orders of loops and zero points than any default would pick.
#pragma once

#include <algorithm>
#include <vector>

#include "codegen/lower/lower.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/strategies/strategy_info.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
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
    draw_strategy();
    draw_lanes();
    draw_layout();
    draw_loops();
    if (random_.coin()) kernel_.schedule.prefetch_bytes = random_.choose(std::vector<int64_t>{64, 4096});
    draw_compute();
    draw_end();
    return kernel_;
  }

 private:
  int64_t up_to(int64_t most) { return random_.pick(1, most); }
  bool is_lanewise_lookup() const {
    const ir::LookupCompute* lookup = std::get_if<ir::LookupCompute>(&kernel_.compute);
    return lookup && !lookup->by_dot4;
  }

  void draw_problem() {
    using ir::Element;
    ir::Problem& problem = kernel_.problem;
    problem.m = random_.coin() ? 1 : up_to(5);
    problem.n = up_to(90);
    problem.k = up_to(150);
    if (random_.pick(0, 9) == 0) problem.w.element = Element::sign;
    if (random_.pick(0, 9) == 0) problem.w.element = Element::i2;
    if (random_.pick(0, 2) == 0) draw_groups(problem);
    if (random_.pick(0, 3) != 0) return;
    const Element element =
        random_.choose(std::vector{Element::i4, Element::i8, Element::f16, Element::bf16, Element::f32});
    problem = matmul(problem.m, problem.n, problem.k, ir::weights_of(element));
    if (problem.w.group > 0) problem.w.group = random_.choose(std::vector<int64_t>{2, 3, 8, 20, 32});
  }

  // Of one operand or both; as files have them, or such that whole vectors of any packing fit.
  void draw_groups(ir::Problem& problem) {
    const int64_t group = random_.choose(std::vector<int64_t>{8, 16, 20, 32, 40, 64, 96, 128});
    const int kind = static_cast<int>(random_.pick(0, 3));
    if (kind != 0)
      problem.w = {problem.w.element, ir::Scaling::group, group,
                   random_.coin() ? ir::Element::f16 : ir::Element::f32};
    if (kind != 1) problem.a = {ir::Element::i8, ir::Scaling::group, kind == 3 ? 2 * group : group};
  }

  void draw_strategy() {
    using ir::Strategy;
    kernel_.compute = ir::MaddCompute{};
    if (!kernel_.problem.is_quantized()) return;
    Strategy strategy = random_.choose(
        std::vector{Strategy::dot, Strategy::dot, Strategy::lookup, Strategy::tile, Strategy::addsub});
    // No codes of several i2 are packed.
    if (kernel_.problem.w.element == ir::Element::i2 && strategy == Strategy::lookup)
      strategy = Strategy::dot;
    kernel_.compute = info(strategy).compute;
    if (ir::LookupCompute* lookup = std::get_if<ir::LookupCompute>(&kernel_.compute))
      lookup->by_dot4 = random_.coin();
  }

  void draw_lanes() {
    std::vector<int64_t> choices = {4, 8, 16};
    if (!kernel_.problem.is_quantized() || target_.architecture == targets::Architecture::any)
      choices = {2, 3, 4, 5, 7, 8, 12, 16, 24, 32};
    if (is_lanewise_lookup()) choices = {16, 32, 64};
    if (kernel_.strategy() == ir::Strategy::addsub) choices = {8, 16, 32};
    lanes_ = random_.choose(choices);
  }

  ir::Packing draw_packing() {
    if (!kernel_.problem.is_quantized()) return *ir::packing_named(name(kernel_.problem.w.element));
    if (kernel_.strategy() == ir::Strategy::addsub) return ir::Packing::planes;
    std::vector<ir::Packing> choices;
    for (const ir::PackingInfo& packing : ir::packings) {
      const bool looks_up = kernel_.strategy() == ir::Strategy::lookup;
      if (can_hold(packing.packing, kernel_.problem.w.element) && (!looks_up || packing.weights_per_code > 1))
        choices.push_back(packing.packing);
    }
    return random_.choose(choices);
  }

  // Blocks of outputs and of inputs; within the innermost, what a vector holds.
  void draw_layout() {
    using ir::Axis;
    kernel_.weights.packing = draw_packing();
    kernel_.schedule.loops = {{ir::LoopKind::vector, Axis::n, lanes_}};
    const ir::WeightVector vector = weight_vector(kernel_);
    kernel_.schedule.loops.clear();
    step_k_ = vector.k;
    n_block_ = lanes_ * up_to(4);
    k_block_ = step_k_ * up_to(6);
    if (kernel_.problem.is_grouped()) k_block_ = kernel_.problem.outer_group();
    std::vector<ir::Factor> outer = {{Axis::n, 0, n_block_}, {Axis::k, 0, k_block_}};
    if (n_block_ != lanes_) outer.push_back({Axis::n, n_block_, lanes_});
    if (k_block_ != step_k_) outer.push_back({Axis::k, k_block_, step_k_});
    std::shuffle(outer.begin(), outer.end(), random_.engine());
    kernel_.weights.factors = outer;
    kernel_.weights.factors.insert(kernel_.weights.factors.end(), vector.factors.begin(),
                                   vector.factors.end());
    if (kernel_.problem.w.scaling != ir::Scaling::group) return;
    const ir::Packing packing = *ir::packing_named(name(kernel_.problem.w.scale));
    kernel_.scales = ir::Layout{packing, {{Axis::n, 0, lanes_}, {Axis::k, 0, 1}}, 64};
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
    ir::TileCompute* tile = std::get_if<ir::TileCompute>(&kernel_.compute);
    if (tile) {
      using ir::TileInstruction;
      const ir::Problem& problem = kernel_.problem;
      const bool can_have_registers = lanes_ == 16 && fits_tile_registers(problem);
      tile->instruction =
          can_have_registers && random_.coin()
              ? random_.choose(std::vector{TileInstruction::mma_16x64x16, TileInstruction::mma_16x32x16})
          : random_.coin() ? TileInstruction::mma_2x8x2
                           : TileInstruction::dot4;
      step_k_ = info(tile->instruction).inputs;
      k_block_ = step_k_ * up_to(3);
    }
    const int64_t unit_rows = tile ? info(tile->instruction).rows : 1;
    if (kernel_.problem.is_grouped()) k_block_ = kernel_.problem.outer_group();
    const int64_t row_tile = unit_rows * up_to(std::min<int64_t>(m + 1, unit_rows == 16 ? 2 : 4));
    const int64_t tile_vectors = random_.choose(std::vector<int64_t>{1, 2, n_block_ / lanes_});
    if (random_.coin()) add(LoopKind::parallel, Axis::n, n_block_);
    if (random_.coin()) add(LoopKind::parallel, Axis::m, row_tile);
    if (random_.coin()) add(outer(), Axis::n, n_block_);
    if (random_.coin()) add(outer(), Axis::m, row_tile);
    if (random_.coin()) add(outer(), Axis::n, tile_vectors * lanes_);

    if (random_.pick(0, 3) != 0 || kernel_.problem.is_grouped()) add(LoopKind::sequential, Axis::k, k_block_);
    if (kernel_.problem.is_grouped() && kernel_.problem.sum_group() != k_block_)
      add(LoopKind::sequential, Axis::k, kernel_.problem.sum_group());
    if (random_.pick(0, 4) == 0) add(outer(), Axis::k, step_k_ * 2);
    add(random_.coin() ? LoopKind::unroll : LoopKind::sequential, Axis::k, step_k_);
    if (random_.pick(0, 4) == 0)
      add(random_.coin() ? LoopKind::unroll : LoopKind::sequential, Axis::k, step_k_);

    const bool rows_first = random_.coin();
    if (rows_first) add(LoopKind::unroll, Axis::m, unit_rows);
    if (random_.pick(0, 4) == 0) add(LoopKind::unroll, Axis::n, 2 * lanes_);
    if (random_.pick(0, 4) != 0) add(LoopKind::unroll, Axis::n, lanes_);
    if (!rows_first && (m > 1 || unit_rows > 1 || random_.coin())) add(LoopKind::unroll, Axis::m, unit_rows);
    add(LoopKind::vector, Axis::n, lanes_);
  }

  void draw_compute() {
    ir::Unpacking* unpacking = unpacking_of(kernel_.compute);
    ir::DotCompute* dot = std::get_if<ir::DotCompute>(&kernel_.compute);
    if (unpacking) {
      unpacking->zero_point = random_.pick(0, 3) == 0 ? 0 : 1;
      unpacking->unpack = plain_unpack(kernel_.weights.packing);
      if (random_.coin())
        unpacking->unpack =
            random_.choose(std::vector{ir::Unpack::fields, ir::Unpack::table, ir::Unpack::multiply});
    }
    if (dot && random_.pick(0, 3) == 0) dot->fields_per_shift = static_cast<int>(random_.pick(2, 4));
    const bool may_widen = dot ? unpacking->zero_point == 1 : kernel_.strategy() == ir::Strategy::addsub;
    if (is_lanewise_lookup() || (may_widen && random_.coin()))
      set_widen_every_k(kernel_.compute,
                        random_.choose(std::vector<int64_t>{step_k_, 2 * step_k_, k_block_}));
  }

  // By a generator of its own: ends do not change which kernels follow.
  void draw_end() {
    if (!kernel_.problem.is_quantized()) return;
    Random random(static_cast<uint32_t>(hash(kernel_)));
    if (kernel_.problem.w.scaling != ir::Scaling::group)
      kernel_.problem.w.scaling = random.coin() ? ir::Scaling::row : ir::Scaling::tensor;
    if (random.pick(0, 5) == 0) kernel_.problem.w.zero_point = random.pick(-15, 15);
    kernel_.epilogue = static_cast<ir::Epilogue>(random.pick(0, kernel_.problem.is_grouped() ? 2 : 4));
    kernel_.quantizes_rows = random.coin();
    if (!ir::verify(kernel_).empty()) kernel_.quantizes_rows = false;  // rows are not whole
  }

  Random& random_;
  const targets::Target& target_;
  ir::Kernel kernel_;
  int64_t lanes_ = 0, step_k_ = 0, n_block_ = 0, k_block_ = 0;
};

// A kernel that is right, legal on the target and whose sums are proved to fit.
inline ir::Kernel random_kernel(Random& random, const targets::Target& target) {
  KernelMaker maker(random, target);
  for (;;) {
    const ir::Kernel kernel = maker.make();
    if (ir::verify(kernel).empty() && targets::legality_errors(kernel, target).empty() &&
        ir::verify(codegen::lower(kernel)).empty())
      return kernel;
  }
}

}  // namespace tern::testing

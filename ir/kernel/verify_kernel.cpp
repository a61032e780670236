#include <fmt/format.h>

#include <algorithm>

#include "ir/kernel/kernel_shape.h"
#include "ir/kernel/strategies/strategy_info.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/lexer.h"

namespace tern::ir {
namespace {

constexpr int64_t max_m = 1 << 16, max_n = 1 << 24, max_k = 1 << 20;
constexpr int64_t max_unrolling = 4096;
constexpr int64_t max_zero_point = 15;

class KernelVerifier {
 public:
  KernelVerifier(const Kernel& kernel, const KernelLocations& locations)
      : kernel_(kernel),
        locations_(locations),
        strategy_(info(kernel.strategy())),
        findings_{kernel, locations, {}} {}

  std::vector<Error> run() {
    if (!is_word(kernel_.name))
      report(locations_.problem,
             fmt::format("'{}' is no name: letters, digits and '_' make one", kernel_.name));
    check_problem();
    check_layouts();
    if (right()) check_strategy();
    if (right()) check_schedule();
    if (right()) check_compute();
    return std::move(findings_.errors);
  }

 private:
  bool right() const { return findings_.errors.empty(); }
  void report(const Location& where, std::string message) { findings_.report(where, std::move(message)); }

  Location loop_location(size_t i) const {
    return i < locations_.loops.size() ? locations_.loops[i] : Location{};
  }

  void check_problem() {
    const Problem& problem = kernel_.problem;
    const auto in_range = [&](char axis, int64_t value, int64_t largest) {
      if (value < 1 || value > largest)
        report(locations_.problem, fmt::format("{} must be between 1 and {}, not {}", axis, largest, value));
    };
    in_range('m', problem.m, max_m);
    in_range('n', problem.n, max_n);
    in_range('k', problem.k, max_k);
    check_weights(problem);
    check_activations(problem);
    check_groups(problem);
  }

  void check_weights(const Problem& problem) {
    const Operand& w = problem.w;
    bool exact = true, rounded = true;  // whether products may be summed in i32, and in f32
    switch (w.element) {
      case Element::trit:
      case Element::sign:
      case Element::i2:
        rounded = false;
        if (w.scaling == Scaling::none)
          report(
              locations_.problem,
              fmt::format("{} weights need a scale: per tensor, per n, or per group of k", name(w.element)));
        break;
      case Element::i4:
      case Element::i8:
        if (w.scaling != Scaling::group)
          report(locations_.problem, fmt::format("{} weights need a scale per group of k", name(w.element)));
        break;
      case Element::f16:
      case Element::bf16:
      case Element::f32:
        exact = false;
        if (w.scaling != Scaling::none) report(locations_.problem, "floating-point weights have no scale");
        break;
      case Element::u8:
      case Element::i16:
      case Element::i32: return report(locations_.problem, fmt::format("W cannot be {}", name(w.element)));
    }
    if (!(exact && problem.accumulator == Element::i32) && !(rounded && problem.accumulator == Element::f32))
      report(locations_.problem, fmt::format("products with {} weights are summed in {}", name(w.element),
                                             !exact     ? "f32"
                                             : !rounded ? "i32"
                                                        : "i32 or f32"));
    if (w.scale != Element::f32 && (w.scale != Element::f16 || w.scaling != Scaling::group))
      report(locations_.problem, "scales are f32, or f16 if there is one per group");
    else if (w.scale != Element::f32 && !problem.is_quantized())
      report(locations_.problem, "weights that are summed in f32 have f32 scales");
    if (w.zero_point < -max_zero_point || w.zero_point > max_zero_point)
      report(locations_.problem,
             fmt::format("the zero point must be between {} and {}", -max_zero_point, max_zero_point));
    if (w.zero_point != 0 && !problem.is_quantized())
      report(locations_.problem, "only weights of exact sums have a zero point");
  }

  void check_activations(const Problem& problem) {
    if ((problem.a.element == Element::i8) != problem.is_quantized())
      report(locations_.problem, "activations are quantised exactly when sums are i32");
  }

  void check_groups(const Problem& problem) {
    for (const Operand& operand : {problem.a, problem.w}) {
      if ((operand.scaling == Scaling::group) != (operand.group > 0) || operand.group > max_k)
        return report(locations_.problem, "a group of inputs that share a scale must have at least one");
    }
    if (problem.is_grouped() && problem.outer_group() % problem.sum_group() != 0)
      report(locations_.problem,
             fmt::format("the groups of A, {}, and of W, {}, must be multiples of one another",
                         problem.a.group, problem.w.group));
  }

  void check_layout(const Layout& layout, const Location& where) {
    for (std::string& problem : check(layout)) report(where, std::move(problem));
    if (std::ranges::find(layout.factors, Axis::e, &Factor::axis) != layout.factors.end())
      report(where, "a kernel's layout has axes n and k, not the flattened e");
  }

  void check_layouts() {
    const Problem& problem = kernel_.problem;
    check_layout(kernel_.weights, locations_.weights);
    const PackingInfo& packing = info(kernel_.weights.packing);
    if (!can_hold(kernel_.weights.packing, problem.w.element))
      report(locations_.weights,
             fmt::format("packing {} cannot hold {}", packing.name, name(problem.w.element)));
    if (kernel_.scales.has_value() != (problem.w.scaling == Scaling::group)) {
      report(locations_.scales, "a layout S is needed exactly when weights have a scale per group");
    } else if (kernel_.scales) {
      check_layout(*kernel_.scales, locations_.scales);
      if (info(kernel_.scales->packing).name != name(problem.w.scale))
        report(locations_.scales, fmt::format("scales are {}", name(problem.w.scale)));
    }
    if (!right()) return;
    const LayoutMap map(kernel_.weights, problem.n, problem.k);
    if (map.padded_n() > output_stride(problem))
      report(locations_.weights, fmt::format("n is padded to {}, past the row of C, which has {}",
                                             map.padded_n(), output_stride(problem)));
    if (map.padded_k() > activation_stride(problem))
      report(locations_.weights, fmt::format("k is padded to {}, past the row of A, which has {}",
                                             map.padded_k(), activation_stride(problem)));
  }

  void check_schedule() {
    const std::vector<ScheduledLoop>& loops = kernel_.schedule.loops;
    const Problem& problem = kernel_.problem;
    int64_t tile[3] = {problem.m, problem.n, problem.k};
    bool seen[3] = {}, inside_k = false, past_parallel = false, parallel_seen[3] = {};
    if (loops.empty() || loops.size() > 16) return report(locations_.problem, "a schedule has 1 to 16 loops");
    for (size_t i = 0; i < loops.size(); ++i) {
      const ScheduledLoop& loop = loops[i];
      const int axis = static_cast<int>(loop.axis);
      const Location where = loop_location(i);
      if (axis > 2) return report(where, "loops run over m, n or k");
      if (loop.step < 1 || loop.step > max_n)
        return report(where, fmt::format("a step must be between 1 and {}", max_n));
      if (seen[axis] && tile[axis] % loop.step != 0)
        report(where,
               fmt::format("a step of {} does not divide the enclosing tile of {}", loop.step, tile[axis]));
      const bool last = i + 1 == loops.size();
      if (last && tile[axis] > loop.step)
        report(where,
               fmt::format("the lanes of the vector do not cover the enclosing tile of {}", tile[axis]));
      seen[axis] = true;
      tile[axis] = loop.step;
      if ((loop.kind == LoopKind::vector) != last || (last && loop.axis != Axis::n))
        report(where, "the innermost loop, and no other, is 'vector n'");
      if (loop.kind == LoopKind::parallel) {
        if (loop.axis == Axis::k) report(where, "k is summed over and cannot be parallel");
        if (past_parallel || parallel_seen[axis])
          report(where, "parallel loops come first, at most one an axis");
        parallel_seen[axis] = true;
      } else {
        past_parallel = true;
      }
      if (inside_k && loop.axis != Axis::k && loop.kind == LoopKind::sequential)
        report(where, "inside a loop over k, loops over m and n hold accumulators and must be unrolled");
      if (inside_k && loop.axis == Axis::k && loops[i - 1].axis != Axis::k)
        report(where, "loops over k must follow each other: the tile of accumulators is inside them all");
      inside_k |= loop.axis == Axis::k;
    }
    if (!inside_k) report(locations_.problem, "the schedule has no loop over k");
    if (right()) check_rows_of_tile(seen[0] ? tile[0] : problem.m);
    if (right()) check_unrolling();
    if (right()) check_innermost_tile(tile[2]);
    if (right()) check_strides();
    if (kernel_.schedule.prefetch_bytes < 0 || kernel_.schedule.prefetch_bytes > (1 << 20))
      report(locations_.prefetch, "the prefetch distance must be between 0 and 1 MiB");
  }

  // Code that is laid out must not grow beyond all use.
  void check_unrolling() {
    int64_t copies = 1;
    for (const LoopExtent& extent : loop_extents(kernel_)) {
      if (extent.kind == LoopKind::unroll) copies *= extent.trips;
      if (copies > max_unrolling)
        return report(
            locations_.problem,
            fmt::format("unrolled loops lay out more than {} tiles one after the other", max_unrolling));
    }
  }

  void check_rows_of_tile(int64_t rows) {
    const int64_t wanted = innermost_tile(kernel_).rows;
    if (rows == wanted) return;
    if (const TileCompute* tile = std::get_if<TileCompute>(&kernel_.compute))
      report(locations_.problem, fmt::format("the innermost tile of m must be {}, the rows of {}, not {}",
                                             wanted, info(tile->instruction).name, rows));
    else
      report(locations_.problem, fmt::format("the innermost tile of m must be {}, not {}", wanted, rows));
  }

  // The innermost tile must be what one vector of weights holds, or what one instruction multiplies.
  void check_innermost_tile(int64_t k) {
    const WeightVector vector = weight_vector(kernel_);
    if (vector.lanes < 2 || vector.lanes > 256)
      return report(loop_location(kernel_.schedule.loops.size() - 1), "a vector has 2 to 256 lanes");
    const int64_t wanted = innermost_tile(kernel_).k;
    const TileCompute* tile = std::get_if<TileCompute>(&kernel_.compute);
    if (k != wanted && tile)
      report(locations_.problem, fmt::format("the innermost tile of k must be {}, the inputs of {}, not {}",
                                             wanted, info(tile->instruction).name, k));
    else if (k != wanted)
      report(locations_.problem,
             fmt::format("the innermost tile of k must be {}, what a vector of {} holds, not {}", wanted,
                         info(kernel_.weights.packing).name, k));
    const std::vector<Factor>& factors = kernel_.weights.factors;
    if (factors.size() < vector.factors.size() ||
        !std::equal(vector.factors.rbegin(), vector.factors.rend(), factors.rbegin())) {
      std::string wanted_factors;
      for (const Factor& factor : vector.factors)
        wanted_factors += (wanted_factors.empty() ? "" : ", ") + print(factor);
      report(locations_.weights,
             fmt::format("for {} lanes the layout must end in [{}]", vector.lanes, wanted_factors));
    }
  }

  void check_strides() {
    const Problem& problem = kernel_.problem;
    const LayoutMap map(kernel_.weights, problem.n, problem.k);
    const std::vector<LoopExtent> extents = loop_extents(kernel_);
    for (size_t i = 0; i < extents.size(); ++i) {
      const LoopExtent& extent = extents[i];
      const int64_t covered = extent.covers;
      const int64_t held = extent.axis == Axis::n ? map.padded_n() : map.padded_k();
      if (extent.axis == Axis::m) continue;
      if (extent.axis == Axis::k && strategy_.walks_panel) continue;
      if (covered > held)
        report(loop_location(i), fmt::format("the loops cover {} of {}, the layout holds only {}", covered,
                                             name(extent.axis), held));
      else if (extent.kind != LoopKind::vector && !map.stride(extent.axis, extent.step, extent.trips))
        report(loop_location(i),
               fmt::format("the loop crosses a border of the layout: {} steps of {} along {}", extent.trips,
                           extent.step, name(extent.axis)));
    }
    if (!kernel_.scales || !right()) return;
    const LayoutMap scales(*kernel_.scales, problem.n, ceil_divide(problem.k, problem.w.group));
    const int lanes = weight_vector(kernel_).lanes;
    if (scales.stride(Axis::n, 1, lanes) != 1)
      report(locations_.scales, fmt::format("the scales of {} outputs must lie side by side", lanes));
    for (size_t i = 0; i < extents.size(); ++i) {
      const LoopExtent& extent = extents[i];
      const bool n = extent.axis == Axis::n && extent.kind != LoopKind::vector;
      const bool k = extent.axis == Axis::k && extent.step % problem.w.group == 0;
      const int64_t step = k ? extent.step / problem.w.group : extent.step;
      if ((n || k) && !scales.stride(extent.axis, step, extent.trips))
        report(loop_location(i), "the loop crosses a border of the layout of the scales");
      if ((n && extent.covers > scales.padded_n()) || (k && step * extent.trips > scales.padded_k()))
        report(loop_location(i), "the loop runs past the layout of the scales");
    }
  }

  bool has_k_loop_of(int64_t step) const {
    for (const ScheduledLoop& loop : kernel_.schedule.loops) {
      if (loop.axis == Axis::k && loop.step == step) return true;
    }
    return false;
  }

  // Whether the strategy fits the problem and the packing, which decide what its innermost tile is.
  void check_strategy() {
    if (kernel_.problem.is_quantized() != strategy_.multiplies_quantized)
      return report(locations_.compute, fmt::format("{} needs sums in {}", strategy_.name,
                                                    strategy_.multiplies_quantized ? "i32" : "f32"));
    check_group_of_vectors();
    strategy_.check_packing(findings_);
  }

  // An exact sum ends where its group does, so groups are whole vectors of packed weights, unless a panel is
  // walked.
  void check_group_of_vectors() {
    const Problem& problem = kernel_.problem;
    if (!problem.is_quantized() || !problem.is_grouped() || strategy_.walks_panel) return;
    const int64_t inputs = weight_vector(kernel_).k;
    if (problem.sum_group() % inputs != 0)
      report(locations_.weights,
             fmt::format("a group of {} inputs is not whole vectors of {}, of {} inputs each",
                         problem.sum_group(), info(kernel_.weights.packing).name, inputs));
  }

  // The loops that groups of inputs need.
  void check_group_loops() {
    const Problem& problem = kernel_.problem;
    if (!problem.is_grouped()) return;
    for (const int64_t group : {problem.sum_group(), problem.outer_group()}) {
      if (has_k_loop_of(group)) continue;
      report(locations_.compute, fmt::format("a scale every {} inputs needs a loop 'k by {}'", group, group));
      return;
    }
    if (widen_every_k(kernel_.compute) > problem.sum_group())
      report(locations_.compute, fmt::format("partial sums of {} inputs are more than a group of {}",
                                             widen_every_k(kernel_.compute), problem.sum_group()));
  }

  void check_epilogue() {
    const bool i32 = kernel_.epilogue == Epilogue::sums, adds = kernel_.epilogue == Epilogue::add_sums;
    if ((i32 || adds) && kernel_.problem.is_grouped())
      report(locations_.epilogue, "with scales per group there is not one exact sum of all inputs");
    if (i32 && kernel_.quantizes_rows) report(locations_.epilogue, "exact sums are not quantised");
    if (kernel_.quantizes_rows) check_rows();
  }

  void check_compute() {
    check_group_loops();
    if (kernel_.problem.is_quantized()) check_epilogue();
    const int64_t inputs = widen_every_k(kernel_.compute);
    if (inputs != 0 && !has_k_loop_of(inputs))
      report(locations_.compute, fmt::format("widening every {0} inputs needs a loop 'k by {0}'", inputs));
    strategy_.check_knobs(findings_);
  }

  // What a call has of a row of C must be all of it.
  void check_rows() {
    const std::vector<LoopExtent> extents = loop_extents(kernel_);
    for (size_t i = 0; i < extents.size(); ++i) {
      const LoopExtent& extent = extents[i];
      if (extent.kind == LoopKind::parallel && extent.axis == Axis::n && extent.trips > 1)
        report(
            loop_location(i),
            fmt::format("rows of C are quantised whole, but calls share them out: make this 'for n by {}', "
                        "after all parallel loops",
                        extent.step));
    }
  }

  const Kernel& kernel_;
  const KernelLocations& locations_;
  const StrategyInfo& strategy_;
  Findings findings_;
};

}  // namespace

std::vector<Error> verify(const Kernel& kernel, const KernelLocations& locations) {
  return KernelVerifier(kernel, locations).run();
}

}  // namespace tern::ir

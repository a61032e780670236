#include "ir/kernel/kernel_shape.h"

#include <algorithm>

#include "ir/kernel/strategies/strategy_info.h"

namespace tern::ir {

std::vector<LoopExtent> loop_extents(const Kernel& kernel) {
  int64_t tile[3] = {kernel.problem.m, kernel.problem.n, kernel.problem.k};
  std::vector<LoopExtent> extents;
  for (const ScheduledLoop& loop : kernel.schedule.loops) {
    int64_t& size = tile[static_cast<int>(loop.axis)];
    // The lanes of a vector are one iteration, whatever they cover.
    const int64_t trips = loop.kind == LoopKind::vector ? 1 : ceil_divide(size, loop.step);
    extents.push_back({loop.kind, loop.axis, loop.step, trips, trips * loop.step});
    size = loop.step;
  }
  return extents;
}

WeightVector weight_vector(const Kernel& kernel, int64_t lanes) {
  const PackingInfo& packing = info(kernel.weights.packing);
  const bool apart = packing.bytes_per_group > 1 && !packing.holds.dense;
  auto [k, factors] = info(kernel.strategy()).weights_of_vector(kernel, lanes);
  std::erase_if(factors, [](const Factor& factor) { return factor.modulus == factor.divisor; });
  if (apart) factors.insert(factors.begin(), Factor{Axis::b, 0, 1});
  return {static_cast<int>(lanes), k, packing.weights_per_group, apart ? packing.bytes_per_group : 1,
          std::move(factors)};
}

WeightVector weight_vector(const Kernel& kernel) {
  const std::vector<ScheduledLoop>& loops = kernel.schedule.loops;
  return weight_vector(kernel, std::min<int64_t>(loops.empty() ? 1 : loops.back().step, 1 << 20));
}

InnermostTile innermost_tile(const Kernel& kernel) {
  if (const TileCompute* tile = std::get_if<TileCompute>(&kernel.compute))
    return {info(tile->instruction).rows, info(tile->instruction).inputs};
  return {1, weight_vector(kernel).k};
}

size_t panel_level(const Kernel& kernel) {
  const std::vector<ScheduledLoop>& loops = kernel.schedule.loops;
  size_t level = 0;
  for (size_t i = 0; i < loops.size() && loops[i].axis != Axis::k; ++i) {
    if (loops[i].axis == Axis::m && loops[i].kind != LoopKind::parallel) return i;
    level = i + 1;
  }
  return level;
}

PanelShape panel_shape(const Kernel& kernel) {
  int64_t outputs = kernel.problem.n, inputs = 0;
  const std::vector<LoopExtent> extents = loop_extents(kernel);
  for (size_t level = 0; level < extents.size(); ++level) {
    const LoopExtent& extent = extents[level];
    if (extent.axis == Axis::n && level < panel_level(kernel)) outputs = extent.step;
    if (extent.axis == Axis::k && inputs == 0) inputs = extent.covers;
  }
  const LayoutMap map(kernel.weights, kernel.problem.n, kernel.problem.k);
  return {outputs, std::max(inputs, map.padded_k())};
}

TableShape table_shape(const Kernel& kernel) {
  const PackingInfo& packing = info(kernel.weights.packing);
  const int64_t vector_k = weight_vector(kernel).k;
  const LayoutMap map(kernel.weights, kernel.problem.n, kernel.problem.k);
  return {packing.packing,           std::get<LookupCompute>(kernel.compute).by_dot4,
          packing.table_entries(),   packing.weights_per_code,
          packing.codes_per_group(), vector_k,
          map.padded_k() / vector_k};
}

Element partial_element(const Kernel& kernel) {
  const bool looks_up = std::holds_alternative<LookupCompute>(kernel.compute);
  return looks_up && info(kernel.weights.packing).half_table ? Element::i8 : Element::i16;
}

bool fits_tile_registers(const Problem& problem) {
  return !problem.is_grouped_twice() ||
         (problem.scales_terms_by_a() && problem.outer_group() / problem.sum_group() <= max_kept_groups);
}

bool can_look_up(Packing packing, bool by_dot4) {
  const PackingInfo& codes = info(packing);
  return codes.weights_per_code > 1 && codes.table_entries() <= (by_dot4 ? 64 : 128);
}

}  // namespace tern::ir

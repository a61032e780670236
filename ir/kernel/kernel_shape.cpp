#include "ir/kernel/kernel_shape.h"

#include <algorithm>

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

namespace {

std::vector<Factor> leaf_factors(const Compute& compute, const PackingRow& packing, int64_t lanes) {
  const int64_t group = packing.weights_per_group;
  switch (compute.strategy) {
    case Strategy::madd: return {{Axis::n, lanes, 1}, {Axis::k, group, 1}};
    // The bits of a mask: the weights of one input for all outputs.
    case Strategy::addsub: return {{Axis::n, lanes, group}, {Axis::n, group, 1}};
    case Strategy::lookup: {
      if (compute.quads) break;
      // A byte an output. Halves of blocks of 16 bytes are joined to sums, so one half of the outputs lies in
      // the low halves.
      const int64_t half = std::max<int64_t>(lanes / 2, 8);
      if (packing.mirrored) {
        // Parts of sums take turns in the halves of blocks, and two outputs are in each lane of four bytes.
        const int64_t quarter = half / 2;
        return {{Axis::n, quarter, 4},
                {Axis::n, lanes, half},
                {Axis::n, 4, 1},
                {Axis::n, half, quarter},
                {Axis::k, group, 1}};
      }
      return {{Axis::n, half, 8}, {Axis::n, lanes, half}, {Axis::n, 8, 1}, {Axis::k, group, 1}};
    }
    case Strategy::dot:
    case Strategy::tile: break;
  }
  // Four inputs of one output lie in four neighbouring bytes, the lanes of a dot4; a packing of several
  // weights a group holds the next four inputs in the next place.
  return {{Axis::n, lanes, 1}, {Axis::k, 4, 1}, {Axis::k, 4 * group, 4}};
}

}  // namespace

Leaf leaf_of(const Kernel& kernel) {
  const int64_t lanes =
      std::min<int64_t>(kernel.schedule.loops.empty() ? 1 : kernel.schedule.loops.back().step, 1 << 20);
  const PackingRow& packing = row(kernel.weights.packing);
  const Compute& compute = kernel.compute;
  const bool planes = packing.bytes_per_group > 1 && !packing.holds.dense;
  Leaf leaf{static_cast<int>(lanes), 4 * packing.weights_per_group, packing.weights_per_group,
            planes ? packing.bytes_per_group : 1, leaf_factors(compute, packing, lanes)};
  if (compute.strategy == Strategy::addsub) leaf.k = 1;
  if (compute.strategy == Strategy::madd || (compute.strategy == Strategy::lookup && !compute.quads))
    leaf.k = packing.weights_per_group;
  std::erase_if(leaf.factors, [](const Factor& factor) { return factor.modulus == factor.divisor; });
  if (planes) leaf.factors.insert(leaf.factors.begin(), Factor{Axis::b, 0, 1});
  return leaf;
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

TileShape tile_shape(const Kernel& kernel) {
  int64_t rows = 1, outputs = kernel.problem.n, inputs = 0;
  const std::vector<LoopExtent> extents = loop_extents(kernel);
  for (size_t level = 0; level < extents.size(); ++level) {
    const LoopExtent& extent = extents[level];
    if (extent.axis == Axis::m) rows = extent.step;
    if (extent.axis == Axis::n && level < panel_level(kernel)) outputs = extent.step;
    if (extent.axis == Axis::k && inputs == 0) inputs = extent.covers;
  }
  const LayoutMap map(kernel.weights, kernel.problem.n, kernel.problem.k);
  inputs = std::max(inputs, map.padded_k());
  if (rows == 1) return {TileUnit::quads, 1, 4, outputs, inputs};
  if (rows == 2) return {TileUnit::pairs, 2, 8, outputs, inputs};
  return {TileUnit::matrices, 16, 64, outputs, inputs};
}

TableShape table_shape(const Kernel& kernel) {
  const PackingRow& packing = row(kernel.weights.packing);
  const int64_t word_k = leaf_of(kernel).k;
  const LayoutMap map(kernel.weights, kernel.problem.n, kernel.problem.k);
  return {packing.packing,          kernel.compute.quads,      packing.table_entries(),
          packing.weights_per_code, packing.codes_per_group(), word_k,
          map.padded_k() / word_k};
}

Element partial_element(const Kernel& kernel) {
  const bool bytes = kernel.compute.strategy == Strategy::lookup && row(kernel.weights.packing).mirrored;
  return bytes ? Element::i8 : Element::i16;
}

bool can_look_up(Packing packing, bool quads) {
  const PackingRow& codes = row(packing);
  return codes.weights_per_code > 1 && codes.table_entries() <= (quads ? 64 : 128);
}

Unpack plain_unpack(Packing packing) {
  return row(packing).weights_per_code == 1 ? Unpack::fields : Unpack::table;
}

bool can_unpack(Packing packing, Unpack unpack) {
  const PackingRow& codes = row(packing);
  if (!codes.holds.trits && !codes.holds.signs) return false;
  switch (unpack) {
    case Unpack::fields: return codes.weights_per_code == 1;
    case Unpack::table: return packing != Packing::i8;
    case Unpack::multiply: return packing == Packing::g5b8_fixed;
  }
  return false;
}

}  // namespace tern::ir

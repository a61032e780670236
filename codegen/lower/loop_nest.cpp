#include "codegen/lower/loop_nest.h"

#include <cassert>

#include "codegen/lower/lower.h"

namespace tern::codegen {

using ir::Affine;
using ir::Axis;
using ir::Body;
using ir::LoopKind;

LoopNest::LoopNest(const ir::Kernel& kernel, ir::Program& program)
    : kernel_(kernel), program_(program), extents_(loop_extents(kernel)) {
  while (extents_[first_k_].axis != Axis::k) ++first_k_;
  tile_begin_ = first_k_;
  panel_level_ = panel_level(kernel);
  while (extents_[row_level_].kind == LoopKind::parallel || extents_[row_level_].axis == Axis::m)
    ++row_level_;
  while (extents_[tile_begin_].axis == Axis::k) ++tile_begin_;
  for (size_t level = tile_begin_; in_tile(level); ++level)
    (extents_[level].axis == Axis::m ? tile_rows_ : tile_outputs_) *= extents_[level].trips;
}

void LoopNest::build(const Steps& steps) {
  steps_ = steps;
  block_levels_.clear();
  for (const Block& block : steps.blocks) {
    // The first loop with that step, should another of one iteration follow.
    size_t level = first_k_;
    while (level < tile_begin_ && extents_[level].step != block.step) ++level;
    assert(level < tile_begin_ && "Verify should have refused this");
    block_levels_.push_back(level);
  }
  descend(0, program_.body);
}

// Opens the loop of `level`, emits inside it and closes it. A loop of one iteration needs no loop, unless it
// is parallel: callers count on being asked for its range.
void LoopNest::in_loop(size_t level, Body& body, const Emit& emit) {
  const ir::LoopExtent& extent = extents_[level];
  if (extent.trips == 1 && extent.kind != LoopKind::parallel) return emit(body);
  ir::Loop loop{extent.kind, add_variable(extent.axis), extent.trips, {}};
  open_.push_back({level, loop.variable});
  emit(loop.body);
  open_.pop_back();
  body.push_back(std::move(loop));
}

int LoopNest::add_variable(Axis axis) {
  program_.variables.push_back(name(axis) + std::to_string(counters_[static_cast<int>(axis)]++));
  return static_cast<int>(program_.variables.size()) - 1;
}

void LoopNest::each(Body& body, Axis axis, size_t skip, const Emit& emit) {
  for (size_t level = tile_begin_ + skip; in_tile(level); ++level) {
    if (extents_[level].axis != axis) continue;
    const size_t next = level - tile_begin_ + 1;
    return in_loop(level, body, [&](Body& inner) { each(inner, axis, next, emit); });
  }
  emit(body);
}

void LoopNest::each_accumulator(Body& body, const Emit& emit, const Emit& row_start) {
  const bool rows_outside =
      tile_rows_ == 1 || (in_tile(tile_begin_) && extents_[tile_begin_].axis == Axis::m);
  if (rows_outside) {
    return each_row(body, [&](Body& row) {
      if (row_start) row_start(row);
      each_output(row, emit);
    });
  }
  each_output(body, [&](Body& column) {
    each_row(column, [&](Body& inner) {
      if (row_start) row_start(inner);
      emit(inner);
    });
  });
}

void LoopNest::descend(size_t level, Body& body) {
  if (level == panel_level_ && steps_.panel) steps_.panel(body);
  if (level == first_k_) each_accumulator(body, steps_.start);
  if (level == tile_begin_) {
    steps_.tile(body);
    return;
  }
  in_loop(level, body,
          [&](Body& inner) { around_blocks(level, inner, [&](Body& block) { descend(level + 1, block); }); });
  if (level == first_k_) each_accumulator(body, steps_.finish);
  if (level == row_level_ && steps_.row_end) each_finished_row(body);
}

// Emits the starts of the blocks of a level, what is inside, and their finishes, the innermost block's first.
void LoopNest::around_blocks(size_t level, Body& body, const Emit& emit) {
  const auto for_each = [&](const Block& block, const Emit& step) {
    if (!step) return;
    if (block.each_output)
      each_output(body, step);
    else
      each_accumulator(body, step);
  };
  for (size_t i = 0; i < steps_.blocks.size(); ++i) {
    if (block_levels_[i] == level) for_each(steps_.blocks[i], steps_.blocks[i].start);
  }
  emit(body);
  for (size_t i = steps_.blocks.size(); i-- > 0;) {
    if (block_levels_[i] == level) for_each(steps_.blocks[i], steps_.blocks[i].finish);
  }
}

void LoopNest::each_finished_row(Body& body) {
  int64_t rows = padded_rows(kernel_);
  for (size_t level = 0; level < row_level_; ++level) {
    if (extents_[level].axis == Axis::m) rows = extents_[level].step;
  }
  Affine row = coordinate(Axis::m);
  if (rows == 1) return steps_.row_end(body, row);
  ir::Loop loop{LoopKind::sequential, add_variable(Axis::m), rows, {}};
  row.add(loop.variable, 1);
  steps_.row_end(loop.body, row);
  body.push_back(std::move(loop));
}

Affine LoopNest::coordinate(Axis axis, size_t from_level) const {
  Affine sum;
  for (const OpenLoop& open : open_) {
    if (extents_[open.level].axis == axis && open.level >= from_level)
      sum.add(open.variable, extents_[open.level].step);
  }
  return sum;
}

Affine LoopNest::group_of_k(int64_t group) const {
  Affine number;
  for (const Affine::Term& term : coordinate(Axis::k).terms) {
    if (term.factor % group == 0) number.add(term.variable, term.factor / group);
  }
  return number;
}

Affine LoopNest::group_within(int64_t outer, int64_t group) const {
  Affine number;
  for (const Affine::Term& term : coordinate(Axis::k).terms) {
    if (term.factor % group == 0 && term.factor < outer) number.add(term.variable, term.factor / group);
  }
  return number;
}

Affine LoopNest::row_address(Axis axis, int64_t stride) const {
  Affine address = coordinate(axis);
  for (const Affine::Term& term : coordinate(Axis::m).terms) address.add(term.variable, term.factor * stride);
  return address;
}

Affine LoopNest::position(const ir::LayoutMap& map, int64_t k_unit) const {
  Affine sum;
  for (const OpenLoop& open : open_) {
    const ir::LoopExtent& extent = extents_[open.level];
    if (extent.axis == Axis::m || (extent.axis == Axis::k && extent.step % k_unit != 0)) continue;
    const int64_t step = extent.axis == Axis::k ? extent.step / k_unit : extent.step;
    const std::optional<int64_t> stride = map.stride(extent.axis, step, extent.trips);
    assert(stride && "Verify should have refused this");
    if (*stride != 0) sum.add(open.variable, *stride);
  }
  return sum;
}

Affine LoopNest::row() const {
  Affine index;
  int64_t stride = 1;
  for (size_t level = extents_.size() - 1; level-- > tile_begin_;) {
    if (extents_[level].axis != Axis::m) continue;
    for (const OpenLoop& open : open_) {
      if (open.level == level) index.add(open.variable, stride);
    }
    stride *= extents_[level].trips;
  }
  return index;
}

Affine LoopNest::tile_index(bool rows) const {
  Affine index;
  int64_t output_stride = 1, row_stride = tile_outputs_;
  for (size_t level = extents_.size() - 1; level-- > tile_begin_;) {
    const bool is_row = extents_[level].axis == Axis::m;
    int64_t& stride = is_row ? row_stride : output_stride;
    for (const OpenLoop& open : open_) {
      if (open.level == level && (rows || !is_row)) index.add(open.variable, stride);
    }
    stride *= extents_[level].trips;
  }
  return index;
}

Affine times(Affine affine, int64_t factor, int64_t constant) {
  affine.constant = affine.constant * factor + constant;
  for (Affine::Term& term : affine.terms) term.factor *= factor;
  return affine;
}

int add_register(ir::Program& program, std::string name, ir::VectorType type, int64_t count) {
  program.registers.push_back({std::move(name), type, count});
  return static_cast<int>(program.registers.size()) - 1;
}

int add_buffer(ir::Program& program, ir::Buffer buffer) {
  program.buffers.push_back(std::move(buffer));
  return static_cast<int>(program.buffers.size()) - 1;
}

int add_buffer(ir::Program& program, ir::BufferRole role, ir::Element element, int64_t size,
               int64_t alignment, ir::BufferKind kind, int64_t lowest, int64_t highest) {
  return add_buffer(
      program, ir::Buffer{std::string(name(role)), element, size, alignment, kind, lowest, highest, role});
}

}  // namespace tern::codegen

// From a schedule to loops: the part of lowering that all strategies share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/kernel/kernel_shape.h"
#include "ir/program/program.h"

namespace tern::codegen {

// Builds the loops of a kernel's schedule around what a strategy computes:
//
//   loops over m and n, outermost first
//     start of the accumulators
//     loops over k
//       the tile: unrolled loops over m and n, one vector each
//     end of the accumulators
//   end of the rows, inside the loops that callers share out
//
// A strategy adds its instructions to the body it is given; addresses and register indices come from the
// loops around that point.
class LoopNest {
 public:
  // Adds instructions at the present point of the nest.
  using Emit = std::function<void(ir::Body&)>;
  using EmitRow = std::function<void(ir::Body&, const ir::Affine& row)>;

  // What a strategy does around the tiles of k that one loop `k by step` leaves: before and after, for each
  // accumulator or, with `each_output`, for each vector of outputs.
  struct Block {
    int64_t step = 0;
    Emit start, finish;
    bool each_output = false;
  };

  // What a strategy does at each point of the nest.
  struct Steps {
    Emit start;                 // for each accumulator of the tile, before the loops over k
    Emit tile;                  // in the innermost loop over k
    Emit finish;                // for each accumulator, after the loops over k
    std::vector<Block> blocks;  // outermost first; of equal steps, too
    // Once for each panel of outputs, before the rows that are multiplied with it.
    Emit panel;
    // For each row, by its number, once all its outputs are finished that a call computes.
    EmitRow row_end;
  };

  // Precondition: verify(kernel) found nothing.
  LoopNest(const ir::Kernel& kernel, ir::Program& program);

  void build(const Steps& steps);

  // Inside `tile`: runs `emit` for every vector of outputs, for every accumulator of one row, or for every
  // row.
  void each_output(ir::Body& body, const Emit& emit) { each(body, ir::Axis::n, 0, emit); }
  void each_row(ir::Body& body, const Emit& emit) { each(body, ir::Axis::m, 0, emit); }
  // ... for every accumulator, in the order of the schedule; `row_start`, if given, runs once a row before
  // its outputs where the schedule has rows outside outputs, else before each accumulator.
  void each_accumulator(ir::Body& body, const Emit& emit, const Emit& row_start = {});

  // Where the present tile begins along an axis, in elements.
  ir::Affine coordinate(ir::Axis axis) const { return coordinate(axis, 0); }
  // The element at the present coordinate of `axis` in the present row m of a matrix whose rows are `stride`
  // elements apart.
  ir::Affine row_address(ir::Axis axis, int64_t stride) const;
  // The number of the group of `group` inputs that the present tile of k lies in. Precondition: loops over k
  // have steps that `group` divides, or lie within one such tile.
  ir::Affine group_of_k(int64_t group) const;
  // The same, counted from the start of the enclosing group of `outer` inputs: only loops with smaller steps.
  ir::Affine group_within(int64_t outer, int64_t group) const;
  // Where the present vector of weights starts, in positions of the layout; of a layout whose k counts units
  // of `k_unit` inputs, with the same precondition.
  ir::Affine position(const ir::LayoutMap& map, int64_t k_unit = 1) const;
  // Index of the present accumulator, or of the present vector of outputs, in its register array.
  ir::Affine accumulator() const { return tile_index(true); }
  ir::Affine output() const { return tile_index(false); }
  // Number of the present row within the tile.
  ir::Affine row() const;

  // Where the present vector of outputs begins within its panel, in elements.
  ir::Affine output_in_panel() const { return coordinate(ir::Axis::n, panel_level_); }

  // How many accumulators, and how many vectors of outputs, the tile has.
  int64_t accumulators() const { return tile_rows_ * tile_outputs_; }
  int64_t outputs() const { return tile_outputs_; }

 private:
  struct OpenLoop {
    size_t level;
    int variable;
  };

  ir::Affine coordinate(ir::Axis axis, size_t from_level) const;
  void descend(size_t level, ir::Body& body);
  void each_finished_row(ir::Body& body);
  void each(ir::Body& body, ir::Axis axis, size_t skip, const Emit& emit);
  void around_blocks(size_t level, ir::Body& body, const Emit& emit);
  void in_loop(size_t level, ir::Body& body, const Emit& emit);
  int add_variable(ir::Axis axis);
  ir::Affine tile_index(bool rows) const;
  bool in_tile(size_t level) const { return level >= tile_begin_ && level + 1 < extents_.size(); }

  const ir::Kernel& kernel_;
  ir::Program& program_;
  std::vector<ir::LoopExtent> extents_;
  size_t first_k_ = 0;
  size_t tile_begin_ = 0;             // the level after the last loop over k
  std::vector<size_t> block_levels_;  // of steps_.blocks
  size_t panel_level_ = 0;            // see ir::panel_level
  size_t row_level_ = 0;  // the first loop inside which rows of C are finished: over all of n in a call
  int64_t tile_rows_ = 1, tile_outputs_ = 1;
  std::vector<OpenLoop> open_;
  int counters_[3] = {};
  Steps steps_;
};

// affine * factor + constant.
ir::Affine times(ir::Affine affine, int64_t factor, int64_t constant = 0);

// Adds declarations to a program and gives their index.
int add_register(ir::Program& program, std::string name, ir::VectorType type, int64_t count = 1);
int add_buffer(ir::Program& program, ir::Buffer buffer);
// The same of a buffer that callers hand over, named by its role.
int add_buffer(ir::Program& program, ir::BufferRole role, ir::Element element, int64_t size,
               int64_t alignment, ir::BufferKind kind = ir::BufferKind::input, int64_t lowest = 0,
               int64_t highest = 0);

}  // namespace tern::codegen

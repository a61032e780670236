// Internal to codegen/: from exact sums to outputs, the end of every kernel of ternary weights.
#pragma once

#include "codegen/lower/loop_nest.h"
#include "codegen/lower/quantize_rows.h"
#include "ir/kernel/kernel.h"
#include "ir/program/program.h"

namespace tern::codegen {

// S = f32(sum - correction) / sa * sw, in this order; then what ir::Epilogue says, and at the end of a row
// what QuantizeRows does.
class Epilogue {
 public:
  // `kernel` and `program` must outlive this.
  Epilogue(const ir::Kernel& kernel, ir::Program& program)
      : kernel_(kernel), program_(program), rows_(kernel, program) {}

  // Declares the buffers asum (if sums are `corrected` by the sum of the activations), sa, sw, R or G, C,
  // those of QuantizeRows, and registers for sums of so many lanes.
  void declare(int lanes, bool corrected);

  // What happens at places of the nest that are no strategy's: to begin a strategy's own steps with.
  LoopNest::Steps steps();

  // Emits the end of one vector of i32 sums of row m, whose first output is number n; `sum` is overwritten.
  void emit(ir::Body& body, const ir::RegisterUse& sum, const ir::Affine& m, const ir::Affine& n);

 private:
  void add_finish(ir::Body& body, const ir::Affine& address);

  const ir::Kernel& kernel_;
  ir::Program& program_;
  QuantizeRows rows_;
  bool corrected_ = false;
  int asum_ = 0, sa_ = 0, sw_ = 0, other_ = 0, c_ = 0;
  int correction_ = 0, scale_ = 0, other_value_ = 0, result_ = 0;
};

}  // namespace tern::codegen

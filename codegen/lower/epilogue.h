// Internal to codegen/: from exact sums to outputs, the end of every kernel of a quantized problem.
#pragma once

#include <functional>

#include "codegen/lower/loop_nest.h"
#include "codegen/lower/quantize_rows.h"
#include "ir/kernel/kernel.h"
#include "ir/program/program.h"

namespace tern::codegen {

// One vector of the exact sums of an accumulator.
struct SumVector {
  ir::Affine m, n;   // its row, and its first output
  ir::Affine index;  // its number among the accumulator's
  int part = 0;      // which of the accumulator's vectors of outputs it belongs to
  // Emits what gives the vector's sums, i32, once the accumulator's sums are complete; with in_loop, those
  // that were kept in place `kept`. The result may be overwritten.
  std::function<ir::RegisterUse(ir::Body&, const ir::Affine& kept)> sum;
};

// What a strategy says of its exact sums. They are complete at the end of its loops over k, or of a group.
struct ExactSums {
  int lanes = 0;           // of a vector
  int vectors = 1;         // of an accumulator
  int parts = 1;           // of these, how many have other outputs
  int64_t zero_point = 0;  // of the bytes that were multiplied: weight + zero_point
  bool in_loop = false;  // whether vectors are visited in a loop, so that their number is none of a register
  LoopNest::Emit clear;  // clears the vectors of the present accumulator
  // With in_loop: stores the accumulator's complete sums in place Epilogue::kept_sum() of kept_sums().
  LoopNest::Emit gather;
  // Visits the vectors of the present accumulator.
  std::function<void(ir::Body&, const std::function<void(ir::Body&, const SumVector&)>&)> each_vector;
};

// What Problem says becomes of exact sums, in that order; then what ir::Epilogue says, and at the end of a
// row what QuantizeRows does.
class Epilogue {
 public:
  // `kernel`, `program` and `nest` must outlive this.
  Epilogue(const ir::Kernel& kernel, ir::Program& program, LoopNest& nest)
      : kernel_(kernel), problem_(kernel.problem), program_(program), nest_(nest), rows_(kernel, program) {}

  // Declares the buffers after A (see lower.h), the buffers of QuantizeRows, and registers.
  void declare(ExactSums sums);

  // What the epilogue does at each point of the nest. A strategy adds its own steps to these; its blocks lie
  // within the blocks of groups.
  LoopNest::Steps steps();

  // How many accumulators' sums are kept in memory before they are scaled, with in_loop: one, or where groups
  // lie in groups all of a larger one, so that a total is read and written once for them.
  int64_t kept_sums() const { return nested() ? nest_.accumulators() * terms() : 1; }
  // The place among these of the present accumulator and group.
  ir::Affine kept_sum() const;

 private:
  bool grouped() const { return problem_.is_grouped(); }
  // Whether groups lie in groups, and how many in one.
  bool nested() const {
    return problem_.sum_group() != problem_.outer_group() && problem_.is_grouped_twice();
  }
  int64_t terms() const { return problem_.outer_group() / problem_.sum_group(); }
  void declare_activations(int64_t rows);
  void declare_scales();
  void declare_output(int64_t rows);
  void declare_totals();

  void correct(ir::Body& body, const ir::RegisterUse& sum, const ir::Affine& m, int64_t term = 0);
  void finish_sum(ir::Body& body, const SumVector& vector);
  void clear_total(ir::Body& body, const SumVector& vector);
  void clear_group(ir::Body& body, const SumVector& vector);
  void load_group_scales(ir::Body& body);
  void scale_term(ir::Body& body, const ir::RegisterUse& term, const SumVector& vector, int64_t number);
  void scale_group(ir::Body& body, const ir::RegisterUse& group, const SumVector& vector);
  void multiply_by_activation_factor(ir::Body& body, const ir::RegisterUse& x, const ir::Affine& address);
  void add_term(ir::Body& body, const SumVector& vector);
  void add_group(ir::Body& body, const SumVector& vector);
  void add_kept_groups(ir::Body& body, const SumVector& vector);
  void add_to_total(ir::Body& body, const ir::RegisterUse& x, const SumVector& vector);
  void finish_total(ir::Body& body, const SumVector& vector);
  void finish(ir::Body& body, const ir::RegisterUse& result, const SumVector& vector);
  void add_other(ir::Body& body, const ir::RegisterUse& result, const ir::Affine& address);

  ir::Affine output_address(const SumVector& vector) const;
  // Where a row of what there is for each group has that of the present group.
  ir::Affine group_address(const ir::Affine& m, int64_t group) const;
  // The vector's register of an array that has one for each; the array's only one with in_loop.
  ir::RegisterUse of_vector(int array, const SumVector& vector) const;
  ir::RegisterUse total(const SumVector& vector) const { return of_vector(total_, vector); }
  ir::Affine total_address(const SumVector& vector) const;
  ir::RegisterUse group_scale(int part) const;

  const ir::Kernel& kernel_;
  const ir::Problem& problem_;
  ir::Program& program_;
  LoopNest& nest_;
  ExactSums sums_;
  QuantizeRows rows_;
  int64_t zero_point_ = 0;  // of codes and of the problem
  int asum_ = 0, activation_scales_ = 0, weight_scales_ = 0, other_ = 0, c_ = 0, totals_ = 0;
  int correction_ = 0, shifted_ = 0, scale_ = 0, other_value_ = 0, result_ = 0, total_ = 0, group_ = 0,
      group_scale_ = 0, stored_scale_ = 0;
};

}  // namespace tern::codegen

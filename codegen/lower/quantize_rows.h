// Internal to codegen/: the rows of C, quantised for the next product.
#pragma once

#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/program/program.h"

namespace tern::codegen {

// What ir/kernel/epilogue.h says of kernels that quantise their rows. Two walks over a row: one for its
// largest magnitude, one to round; both start with whole vectors, and end with one of what is left, if
// anything is.
class QuantizeRows {
 public:
  // `kernel` and `program` must outlive this.
  QuantizeRows(const ir::Kernel& kernel, ir::Program& program) : kernel_(kernel), program_(program) {}

  // Declares the buffers Q, qsum and sq, and registers. `c` is the index of the buffer C.
  void declare(int c);

  // Quantises row number `row` of C, which is complete.
  void emit(ir::Body& body, const ir::Affine& row);

 private:
  // A part of a row that is walked by vectors of one length, and its registers.
  struct Part {
    int64_t first, vectors;
    int lanes;
    int value, largest, scale, rounded, widened, sum;
  };
  void declare_part(const char* suffix, int64_t first, int64_t vectors, int lanes);
  ir::Affine in_row(const ir::Affine& row, int64_t first) const;
  template <class Emit>
  void walk(ir::Body& body, const ir::Affine& start, int64_t vectors, int64_t lanes, Emit emit);

  void clear_padding(ir::Body& body, const ir::Affine& row);
  void find_scale(ir::Body& body, const ir::Affine& row);
  void round(ir::Body& body, const ir::Affine& row);

  const ir::Kernel& kernel_;
  ir::Program& program_;
  std::vector<Part> parts_;
  int c_ = 0, q_ = 0, qsum_ = 0, sq_ = 0;
  int zeros_ = 0, largest_ = 0, number_ = 0, scale_ = 0, total_ = 0, part_total_ = 0;
};

}  // namespace tern::codegen

// Internal to codegen/: from packed vectors to vectors of bytes that a dot product takes; the part of
// lowering that knows packings. Strategies dot and tile share it.
#pragma once

#include "codegen/lower/loop_nest.h"
#include "codegen/lower/read_codes.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/kernel_shape.h"
#include "ir/program/program.h"

namespace tern::codegen {

// Unpacks one vector of weights, one digit of its groups after the other.
class UnpackWeights {
 public:
  // `kernel` and `program` must outlive this.
  UnpackWeights(const ir::Kernel& kernel, WeightPlace place, ir::Program& program);

  // Declares the buffer W, tables and registers. To be called once, in the place where W belongs in the order
  // of the buffers.
  void declare();

  // Emits what comes before the first digit.
  void start(ir::Body& body) { read_.start(body); }
  // Emits one digit, 0 .. digits()-1 in this order, of the group whose vectors are loaded.
  void digit(ir::Body& body, int digit);

  int digits() const { return leaf_.digits; }
  // The unpacked bytes: codes 0, 1, 2, of i2 3 too (u8), with an offset of 1, else one
  // less (i8); times 4^place(digit).
  ir::RegisterUse weight() const {
    return is_signed_bytes() && !codes() ? read_.packed() : ir::RegisterUse{weight_, place_.output()};
  }
  // How many digits lower in the byte the last shift has left this digit's neighbour: see Compute::in_place.
  int place(int digit) const { return digit_of_byte(digit) % kernel_.compute.in_place; }
  // A bound on the magnitude of the bytes of a digit.
  int64_t largest(int digit) const;

 private:
  bool codes() const { return kernel_.compute.offset != 0; }
  bool is_signed_bytes() const { return kernel_.weights.packing == ir::Packing::i8; }
  int digit_of_byte(int digit) const;
  int add(const char* name, ir::Element element, int64_t count);
  void add_digit_tables();
  void field(ir::Body& body, int digit);
  void plane(ir::Body& body, int digit);
  void less_one(ir::Body& body, ir::RegisterUse from);

  const ir::Kernel& kernel_;
  const WeightPlace place_;
  ir::Program& program_;
  const ir::PackingRow& packing_;
  const ir::Leaf leaf_;
  ReadCodes read_;
  int shifted_ = 0, weight_ = 0, one_ = 0, signed_ = 0;
  std::vector<int> tables_, table_registers_;  // one a digit of a code
};

}  // namespace tern::codegen

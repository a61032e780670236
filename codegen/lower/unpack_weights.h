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
  // `kernel` and `program` must outlive this. `fields_per_shift`: see ir::DotCompute; 1 for other strategies.
  UnpackWeights(const ir::Kernel& kernel, const ir::Unpacking& unpacking, int fields_per_shift,
                WeightPlace place, ir::Program& program);

  // Declares the buffer W, tables and registers. To be called once, in the place where W belongs in the order
  // of the buffers.
  void declare();

  // Emits what comes before the first digit.
  void start(ir::Body& body) { read_.start(body); }
  // Emits one digit, 0 .. digits()-1 in this order, of the group whose vectors are loaded.
  void digit(ir::Body& body, int digit);

  int digits() const { return vector_.weights_per_group; }
  // The unpacked bytes: (weight + zero_point) * 4^height(digit). With a zero point of 1 they are u8 and codes
  // 0, 1, 2 (of i2 also 3), otherwise i8.
  ir::RegisterUse weight() const {
    return is_signed_bytes() && !codes() ? read_.packed() : ir::RegisterUse{weight_, place_.output()};
  }
  // How many fields lie below this one in the byte after the last shift: 0 unless fields_per_shift > 1.
  int height(int digit) const { return digit_of_byte(digit) % fields_per_shift_; }
  // A bound on the magnitude of the bytes of a digit.
  int64_t largest(int digit) const;

 private:
  bool codes() const { return unpacking_.zero_point != 0; }
  bool is_signed_bytes() const { return kernel_.weights.packing == ir::Packing::i8; }
  int digit_of_byte(int digit) const;
  int add(const char* name, ir::Element element, int64_t count);
  void add_digit_tables();
  void field(ir::Body& body, int digit);
  void plane(ir::Body& body, int digit);
  void less_one(ir::Body& body, ir::RegisterUse from);

  const ir::Kernel& kernel_;
  const ir::Unpacking unpacking_;
  const int fields_per_shift_;
  const WeightPlace place_;
  ir::Program& program_;
  const ir::PackingRow& packing_;
  const ir::WeightVector vector_;
  ReadCodes read_;
  int shifted_ = 0, weight_ = 0, one_ = 0, signed_ = 0;
  std::vector<int> tables_, table_registers_;  // one a digit of a code
};

}  // namespace tern::codegen

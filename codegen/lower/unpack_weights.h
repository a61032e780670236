// Internal to codegen/: from packed vectors to vectors of bytes that a dot product takes; the part of
// lowering that knows packings. Strategies dot and tile share it.
#pragma once

#include "codegen/lower/loop_nest.h"
#include "codegen/lower/read_codes.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/kernel_shape.h"
#include "ir/program/program.h"

namespace tern::codegen {

// Unpacks one vector of weights: one weight of each of its groups after the other.
class UnpackWeights {
 public:
  // `kernel` and `program` must outlive this. `fields_per_shift`: see ir::DotCompute; 1 for other strategies.
  UnpackWeights(const ir::Kernel& kernel, const ir::Unpacking& unpacking, int fields_per_shift,
                WeightVectors vectors, ir::Program& program);

  // Declares the buffer W, tables and registers. To be called once, when W is the next buffer
  // in order.
  void declare();

  // Emits what comes before the first weight.
  void start(ir::Body& body) { read_.start(body); }
  // Emits weight number `index` of the groups whose vectors are loaded, 0 .. count()-1 in this order.
  void unpack(ir::Body& body, int index);

  int count() const { return vector_.weights_per_group; }
  // The unpacked bytes: (weight + zero_point) * 4^height(index). With a zero point they are u8 and codes,
  // such as 0, 1, 2 of trits, otherwise i8.
  ir::RegisterUse weight() const {
    return is_signed_bytes() && !codes() ? read_.packed() : ir::RegisterUse{weight_, vectors_.output()};
  }
  // How many fields lie below this one in the byte after the last shift: 0 unless fields_per_shift > 1.
  int height(int index) const { return field_of_byte(index) % fields_per_shift_; }
  // A bound on the magnitude of the unpacked bytes of weight number `index`.
  int64_t max_magnitude(int index) const;

 private:
  bool codes() const { return unpacking_.zero_point != 0; }
  bool is_signed_bytes() const { return kernel_.weights.packing == ir::Packing::i8; }
  int field_of_byte(int index) const;
  int add(const char* name, ir::Element element, int64_t count);
  void add_weight_tables();
  void field(ir::Body& body, int index);
  void plane(ir::Body& body, int index);
  void subtract_zero_point(ir::Body& body, ir::RegisterUse codes);
  // Whether the weights are whole bytes of element i8, not trits in bytes.
  bool is_any_byte() const { return kernel_.problem.w.element == ir::Element::i8; }

  const ir::Kernel& kernel_;
  const ir::Unpacking unpacking_;
  const int fields_per_shift_;
  const WeightVectors vectors_;
  ir::Program& program_;
  const ir::PackingInfo& packing_;
  const ir::WeightVector vector_;
  ReadCodes read_;
  int shifted_ = 0, weight_ = 0, zero_point_ = 0, signed_ = 0;
  std::vector<int> tables_, table_registers_;  // one for each weight of a code
};

}  // namespace tern::codegen

// Internal to codegen/: loads packed weights and takes the codes out of their groups. Strategies that look
// something up by code share it.
#pragma once

#include <functional>

#include "codegen/lower/loop_nest.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/kernel_shape.h"
#include "ir/program/program.h"

namespace tern::codegen {

// The vectors of weights that are read: where each lies, and which registers it has.
struct WeightVectors {
  int64_t outputs = 1;                   // vectors that have registers of their own
  std::function<ir::Affine()> position;  // of the present vector in the layout, see LayoutMap
  std::function<ir::Affine()> output;    // index of its registers
};

// The vectors of outputs of a nest's tile. `nest` and `map` must outlive the result.
WeightVectors weights_of_tile(const LoopNest& nest, const ir::LayoutMap& map);

class ReadCodes {
 public:
  // `program` must outlive this.
  ReadCodes(const ir::Kernel& kernel, WeightVectors vectors, ir::Program& program);

  // Declares the buffer W and registers of `bytes` bytes; registers of codes only if `reads_codes`. To be
  // called once, when W is the next buffer in order.
  void declare(int bytes, bool reads_codes);

  // Loads the first byte of each group, and the last if codes have high bits there.
  void start(ir::Body& body);
  // Reads code number 0 .. codes()-1, in this order. Bits above the code's own are not cleared:
  // a look-up must ignore them.
  void read(ir::Body& body, int number);

  int codes() const { return packing_.codes_per_group(); }
  ir::RegisterUse packed() const { return {packed_, vectors_.output()}; }
  ir::RegisterUse high() const { return {high_, vectors_.output()}; }
  // The code that was read last.
  ir::RegisterUse code() const { return {is_packed_ ? packed_ : code_, vectors_.output()}; }

  // Appends a shift to the right, or to the left by a negative count.
  static void shift(ir::Body& body, ir::RegisterUse into, ir::RegisterUse from, int right);

 private:
  void load(ir::Body& body, ir::RegisterUse into, int byte);

  const WeightVectors vectors_;
  ir::Program& program_;
  const ir::PackingInfo& packing_;
  const ir::LayoutMap map_;
  const int64_t alignment_;
  const ir::Element element_;
  bool is_packed_ = false;  // the code lies in the low bits of its packed byte
  int w_ = 0, packed_ = 0, high_ = 0, code_ = 0, shifted_ = 0;
};

}  // namespace tern::codegen

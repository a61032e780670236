// Internal to codegen/: how the operations that CPUs have instructions for become LLVM IR. Everything else is
// plain vector IR in emit.cpp.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <functional>

#include "ir/program/program.h"
#include "targets/target.h"

namespace tern::codegen {

// A vector all of whose i32 lanes are lane number `lane` of `block`, <4 x i32>; a null block if that is not
// known of the vector.
struct LaneOfBlock {
  llvm::Value* block = nullptr;
  int lane = 0;
};

// The operands of dot4, dot2 and add_pairs; see ir/program/op.h. A null `z` for add_pairs.
struct DotOperands {
  llvm::Value* x;
  llvm::Value* y;
  llvm::Value* z;
  bool y_is_signed;
  int64_t bound;          // of |y|, for dot4
  LaneOfBlock z_repeats;  // if z repeats a lane of a block
};

// Lanes first, first + step, ... of a vector; and a vector's lanes repeated until there are `lanes` of them.
llvm::Value* strided_lanes(llvm::IRBuilderBase& builder, llvm::Value* vector, int first, int step);
llvm::Value* repeated(llvm::IRBuilderBase& builder, llvm::Value* vector, unsigned lanes);
unsigned lane_count(llvm::Value* vector);

// Looks bytes up by the low bits of `index` in pieces of a table, `piece_lanes` long, and selects among what
// they give by the bits above. `look_up` does it for one piece.
llvm::Value* lookup_in_pieces(llvm::IRBuilderBase& builder, llvm::Value* table, llvm::Value* index,
                              unsigned piece_lanes,
                              const std::function<llvm::Value*(llvm::Value* piece)>& look_up);

// Portable forms: right on every LLVM target.
namespace portable {
llvm::Value* dot4(llvm::IRBuilderBase& builder, const DotOperands& operands);
llvm::Value* dot2(llvm::IRBuilderBase& builder, const DotOperands& operands);
llvm::Value* add_pairs(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y);
llvm::Value* dot8(llvm::IRBuilderBase& builder, const DotOperands& operands);
llvm::Value* lookup(llvm::IRBuilderBase& builder, llvm::Value* table, llvm::Value* index);
llvm::Value* bytes_to_i16(llvm::IRBuilderBase& builder, llvm::Value* low, llvm::Value* high, int64_t half);
llvm::Value* interleave(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, int64_t unit,
                        bool high);
llvm::Value* add_where(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* mask,
                       bool subtract);
llvm::Value* apply_sign(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* signs);
llvm::Value* multiply_low(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t factor);
llvm::Value* multiply_high(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t factor);
llvm::Value* absmax(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y);
// The largest magnitude, and the sum, of all lanes of a vector, in every lane of `type`.
llvm::Value* absmax_across(llvm::IRBuilderBase& builder, llvm::Value* vector, llvm::Type* type);
llvm::Value* add_across(llvm::IRBuilderBase& builder, llvm::Value* vector, llvm::Type* type);
// round_clamp of <L x float> to integers of `type`; `bound` is at most 2^22.
llvm::Value* round_clamp(llvm::IRBuilderBase& builder, llvm::Value* vector, int64_t bound, llvm::Type* type);
// <L x i16>, the bits of f16, to <L x float>, by integer operations and one multiplication.
llvm::Value* f16_to_f32(llvm::IRBuilderBase& builder, llvm::Value* bits);
}  // namespace portable

// x86 instructions; null if the target has none for that width.
namespace x86 {
// Bytes shifted right, or left by a negative count, as words: bits that leave a byte enter its neighbour.
// Said outright, since LLVM's own shift of bytes, by GFNI, hides that a mask and a later one become one.
llvm::Value* shift_words_of_bytes(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t right);
llvm::Value* dot4(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands);
llvm::Value* dot2(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands);
llvm::Value* add_pairs(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* x,
                       llvm::Value* y);
llvm::Value* lookup(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* table,
                    llvm::Value* index);
llvm::Value* multiply_high(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t factor);
}  // namespace x86

// AArch64 instructions; null if the target has none for that width.
namespace arm {
llvm::Value* dot4(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands);
llvm::Value* dot2(llvm::IRBuilderBase& builder, const DotOperands& operands);
llvm::Value* dot8(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands);
llvm::Value* add_pairs(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y);
llvm::Value* lookup(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* table,
                    llvm::Value* index);
llvm::Value* interleave(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* x,
                        llvm::Value* y, int64_t unit, bool high);
llvm::Value* add_where(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* mask,
                       bool subtract);

// Consecutive dot4 operations that add to the same register, where NEON has no dot product of bytes. smlal
// accumulates products in i16 lanes; neighbouring lanes are added to i32 only when the next products could
// overflow i16, or when the register is read.
class PendingDot {
 public:
  // True if 16 bits are sure to hold the sum with these products too, and the target has nothing better.
  bool fits(const targets::Target& target, const DotOperands& operands) const;
  // Adds the products of y and z. Precondition: they fit.
  void add(llvm::IRBuilderBase& builder, const DotOperands& operands);
  // x + the sum. Precondition: something was added.
  llvm::Value* finish(llvm::IRBuilderBase& builder, llvm::Value* x) const;

 private:
  llvm::Value* halves_[2] = {};  // <8 x i16> each, for the two halves of the bytes
  int64_t largest_ = 0;          // magnitude that a lane can have
};
}  // namespace arm

}  // namespace tern::codegen
